package main

import (
	"math/rand/v2"
	"os"
	"strconv"
)

// readRandomly reads so many times readSize bytes anywhere in a file.
func readRandomly(name, times string) error {
	n, err := strconv.Atoi(times)
	if err != nil {
		return err
	}
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	places, p := rand.New(rand.NewPCG(1, 2)), make([]byte, readSize)
	for range n {
		if _, err := f.ReadAt(p, places.Int64N(info.Size()/readSize)*readSize); err != nil {
			return err
		}
	}
	return nil
}
