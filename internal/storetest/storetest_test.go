package storetest

import "github.com/s3mpfs/s3mpfs/fs"

// What the contract is about is what the tree asks for.
var _ fs.Bucket = Store(nil)
