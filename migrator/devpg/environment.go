package devpg

import (
	"os"
	"slices"
	"strings"
)

// passedOn are the variables of ours that the server's processes get: what programs need to be found, loaded and run. The
// others may hold secrets, and the processes may be another user's; some change PostgreSQL's ways.
var passedOn = []string{
	"PATH", "TMPDIR", "TZ", "TZDIR", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "DYLD_FALLBACK_LIBRARY_PATH",
	"SYSTEMROOT", "SYSTEMDRIVE", "WINDIR", "COMSPEC", "PATHEXT", "TEMP", "TMP", // Windows, in any spelling
}

// environment is what the server's processes get of ours, with messages in English.
func environment() []string {
	env := slices.DeleteFunc(os.Environ(), func(entry string) bool {
		name, _, _ := strings.Cut(entry, "=")
		return !slices.Contains(passedOn, strings.ToUpper(name))
	})
	return append(env, "LC_ALL=C")
}
