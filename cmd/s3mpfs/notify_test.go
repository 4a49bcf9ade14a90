package main

import (
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestTellServiceManager(t *testing.T) {
	if err := serviceManager("").tell("READY=1"); err != nil {
		t.Errorf("without one: %v", err)
	}
	path := filepath.Join(t.TempDir(), "notify")
	l, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	t.Setenv(notifyVariable, path)
	manager := inheritedServiceManager()
	if _, inherited := os.LookupEnv(notifyVariable); inherited {
		t.Error("children inherit the socket")
	}
	if err := manager.tell("READY=1"); err != nil {
		t.Fatal(err)
	}
	packet := make([]byte, 100)
	if n, err := l.Read(packet); err != nil || string(packet[:n]) != "READY=1" {
		t.Errorf("told %q, %v", packet[:n], err)
	}
	if err := serviceManager(path + "x").tell("READY=1"); err == nil {
		t.Error("no error where nobody listens")
	}
}

// TestTheServiceManagerWaits: it hears what is left, and is asked for more time.
func TestTheServiceManagerWaits(t *testing.T) {
	path := filepath.Join(t.TempDir(), "notify")
	l, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	test := startSession(t)
	test.manager = serviceManager(path)
	ended, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		test.tellOfTheRest(time.Millisecond, ended)
	}()
	p := make([]byte, 1000)
	n, err := l.Read(p)
	if want := "EXTEND_TIMEOUT_USEC=60000000\nSTATUS=1 file to complete, 40 B to send, 2 objects to rename, attributes of 5 names to store"; err != nil || string(p[:n]) != want {
		t.Errorf("told %q, %v", p[:n], err)
	}
	go func() {
		for err == nil {
			_, err = l.Read(p)
		}
	}()
	close(ended)
	<-done
	close(test.tree.finalise)
	test.signals <- unix.SIGTERM
	if err := <-test.result; err != nil {
		t.Error(err)
	}
	close(test.tree.released)
}
