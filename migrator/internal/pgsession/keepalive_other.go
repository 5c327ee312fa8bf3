//go:build !linux

package pgsession

import (
	"net"
	"time"
)

// setUserTimeout does nothing: other systems give up on unacknowledged data by limits of their own.
func setUserTimeout(*net.TCPConn, time.Duration) {}
