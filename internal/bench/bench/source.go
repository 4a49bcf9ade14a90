package main

import (
	"bufio"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
)

// sources are the files that programs copy.
type sources struct {
	large   string
	quarter string // a quarter of large
	small   string // a folder
}

// smallSize of a small file in bytes.
const smallSize = 16 << 10

// makeSources fills them with bytes that do not compress and hold no zeros that
// cp would take for holes.
func makeSources(o options) (sources, error) {
	s := sources{filepath.Join(o.temp, "large"), filepath.Join(o.temp, "quarter"), filepath.Join(o.temp, "small")}
	if err := os.Mkdir(s.small, 0o755); err != nil {
		return s, err
	}
	for i := range o.files {
		if err := makeFile(filepath.Join(s.small, strconv.Itoa(i)), smallSize); err != nil {
			return s, err
		}
	}
	if err := makeFile(s.quarter, int64(o.size)/4); err != nil {
		return s, err
	}
	return s, makeFile(s.large, int64(o.size))
}

var random = rand.NewChaCha8([32]byte{})

func makeFile(name string, n int64) error {
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	defer f.Close()
	w := bufio.NewWriterSize(f, 1<<20)
	if _, err := io.CopyN(w, random, n); err != nil {
		return err
	}
	return w.Flush()
}
