//go:build unix

package web

import (
	"math"
	"syscall"
)

// maxOpenFiles is how many files the process may have open, connections among them.
func maxOpenFiles() uint64 {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return math.MaxUint64
	}
	return uint64(limit.Cur) // which is signed on some systems
}
