package main

import (
	"net"
	"os"
	"time"
)

// notifyVariable names the socket of a service manager, see sd_notify(3).
const notifyVariable = "NOTIFY_SOCKET"

// serviceManager is the socket on which systemd waits for news; empty where
// nobody does.
type serviceManager string

// inheritedServiceManager takes the socket from the environment, so that no
// child speaks in our name.
func inheritedServiceManager() serviceManager {
	path := os.Getenv(notifyVariable)
	os.Unsetenv(notifyVariable)
	return serviceManager(path)
}

// heardWithin is how long a service manager that is busy is waited for.
const heardWithin = time.Second

// tell sends the state of the service, such as "READY=1".
func (m serviceManager) tell(state string) error {
	if m == "" {
		return nil
	}
	// A name that begins with @ is in the abstract space; package net knows it.
	conn, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: string(m), Net: "unixgram"})
	if err != nil {
		return err
	}
	defer conn.Close()
	if err := conn.SetWriteDeadline(time.Now().Add(heardWithin)); err != nil {
		return err
	}
	_, err = conn.Write([]byte(state))
	return err
}
