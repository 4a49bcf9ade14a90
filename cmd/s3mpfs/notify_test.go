package main

import (
	"net"
	"os"
	"path/filepath"
	"testing"
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
