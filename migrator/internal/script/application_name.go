package script

import "strings"

// ApplicationName returns the application_name of a session, which pg_stat_activity shows. The run id tells which sessions belong
// to the same run. The parameter what names the work of the session, such as the version it applies; it may be empty. The result
// has at most 63 bytes.
func ApplicationName(runID, what string) string {
	prefix := ApplicationPrefix(runID)
	if what == "" {
		return strings.TrimSuffix(prefix, " ")
	}
	return prefix + applicationSuffix(prefix, what)
}

// ApplicationPrefix returns the beginning of every ApplicationName of a run. An empty run id gives the beginning that the names
// of all runs share.
func ApplicationPrefix(runID string) string {
	if runID == "" {
		return "migrator "
	}
	return "migrator " + runID + " "
}

// applicationSuffix shortens what and replaces characters that are not printable ASCII. PostgreSQL would cut the name at 63 bytes
// with a notice. It shows non-ASCII characters in one way up to version 15 and in another way from 16 on.
func applicationSuffix(prefix, what string) string {
	what = what[:min(len(what), 63-len(prefix))]
	if !strings.ContainsFunc(what, unprintable) {
		return what
	}
	shown := []byte(what)
	for i, c := range shown {
		if unprintable(rune(c)) {
			shown[i] = '?'
		}
	}
	return string(shown)
}

func unprintable(c rune) bool { return c < ' ' || c > '~' }
