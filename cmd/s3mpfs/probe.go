package main

import (
	"errors"
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

// health is what a FUSE mount answers when it is asked for anything.
type health int

const (
	answering health = iota
	dead             // the process that served it is gone
	silent           // it has an error, or does not answer at all
)

// answerWithin is the longest that a mount may take to answer a question that
// needs no request to S3.
const answerWithin = 10 * time.Second

// probe asks the mount itself, and why it is silent if it is. It asks with
// statfs, because the kernel answers a stat from what it remembers. Never call
// it in the process that serves the mount.
func probe(mountpoint string) (health, error) {
	answer := make(chan error, 1)
	go func() { answer <- statfs(mountpoint) }()
	select {
	case err := <-answer:
		switch {
		case err == nil:
			return answering, nil
		case errors.Is(err, unix.ENOTCONN), errors.Is(err, unix.ECONNABORTED):
			return dead, err
		}
		return silent, err
	case <-time.After(answerWithin):
		return silent, fmt.Errorf("no answer within %v", answerWithin)
	}
}

func statfs(mountpoint string) error {
	var st unix.Statfs_t
	err := unix.Statfs(mountpoint, &st)
	if err == nil && st.Type != unix.FUSE_SUPER_MAGIC {
		err = errors.New("it is not mounted")
	}
	return err
}
