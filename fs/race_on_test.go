//go:build race

package fs_test

// manyNames are few under the race detector, with which go-fuse allocates a
// megabyte for each request.
const manyNames = 5_000
