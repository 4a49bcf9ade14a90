// Package e2e holds tests of the whole program: each mounts the real binary, in
// a process of its own, over a real S3 server, lets ordinary programs write and
// read, and looks at the bucket with a client of its own.
//
// A test that mounts gets, without asking for it, at its end: `s3mpfs umount`
// with its exit code checked, the process gone, nothing mounted, no multipart
// upload left in the bucket, and the log where anything failed.
//
// S3MPFS_E2E_RACE=1 builds the binary with the race detector.
package e2e
