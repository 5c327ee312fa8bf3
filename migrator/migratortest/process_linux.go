package migratortest

import (
	"fmt"
	"os"
	"strings"
)

// look reads a process from the kernel. One that ended is none, even where nobody has asked for its exit status yet.
func look(pid int) (process, bool) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return process{}, false
	}
	// "pid (name) state …": only the last parenthesis surely ends the name.
	head, tail, _ := cutLast(string(text), ") ")
	_, name, _ := strings.Cut(head, " (")
	fields := strings.Fields(tail)
	const state, start = 0, 19
	if len(fields) <= start || fields[state] == "Z" || fields[state] == "X" {
		return process{}, false
	}
	return process{pid: pid, name: name, start: fields[start]}, true
}

func cutLast(s, sep string) (before, after string, found bool) {
	at := strings.LastIndex(s, sep)
	if at < 0 {
		return s, "", false
	}
	return s[:at], s[at+len(sep):], true
}
