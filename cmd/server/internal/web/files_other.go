//go:build !unix

package web

import "math"

// maxOpenFiles is how many files the process may have open: there is no such limit.
func maxOpenFiles() uint64 { return math.MaxUint64 }
