//go:build !race

package fs_test

const manyNames = 200_000
