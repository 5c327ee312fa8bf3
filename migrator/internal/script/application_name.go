package script

import "strings"

// ApplicationName is what pg_stat_activity shows; the run id tells which sessions are of one run.
func ApplicationName(runID, what string) string {
	prefix := ApplicationPrefix(runID)
	if what == "" {
		return strings.TrimSuffix(prefix, " ")
	}
	return prefix + applicationSuffix(prefix, what)
}

func ApplicationPrefix(runID string) string {
	if runID == "" {
		return "migrator "
	}
	return "migrator " + runID + " "
}

// applicationSuffix is what fits: PostgreSQL would cut the name at 63 bytes with a notice, and show other characters than ASCII
// in one way up to 15 and in another one after it.
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
