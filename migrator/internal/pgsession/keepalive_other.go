//go:build !linux

package pgsession

import (
	"net"
	"time"
)

// setUserTimeout does nothing: other systems give unanswered data up by limits of their own.
func setUserTimeout(*net.TCPConn, time.Duration) {}
