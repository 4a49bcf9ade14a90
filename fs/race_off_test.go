//go:build !race

package fs_test

const manyNames = 100_000
