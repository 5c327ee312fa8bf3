package sqlfile

import (
	"slices"
	"strings"

	"github.com/agent-shaker/agent-shaker/migrator/internal/sqllex"
)

// refuseSessionState refuses statements of a no-transaction file whose effect would be lost when another session resumes the file,
// as far as the text shows it.
func refuseSessionState(words []string, text string) (message, hint string) {
	const (
		temporary = "what is temporary lives as long as the session, but a no-transaction file may go on in another one after a crash"
		plain     = "make it a plain one and drop it at the end of the file, or use a file without `-- migrator: no-transaction`"
		late      = "comes too late for the transactions of this file, in which its progress is recorded too"
		isolation = "write `-- migrator: isolation=serializable` (or repeatable-read) at the top of the file, for all of them"
	)
	switch words[0] {
	case "DROP": // of an object that exists
	case "SET":
		if changesTransactions(words) {
			return late, isolation
		}
	default:
		if selectsIntoTemporary(text) || namesTemporary(text) {
			return temporary, plain
		}
		if !isSetting(words) && setsForSession(text) {
			return "set_config is repeated for later statements only where it is a statement of its own with plain strings", "write SET instead"
		}
	}
	return "", ""
}

// changesTransactions reports whether a SET changes how later transactions begin. pg_dump sets the defaults, which is legal.
func changesTransactions(words []string) bool {
	set, value := withoutScope(words[1:]), strings.ToUpper(strings.Trim(words[len(words)-1], "'"))
	switch {
	case sqllex.Matches(set, "CHARACTERISTICS"):
		return slices.Contains(words, "ONLY") || (slices.Contains(words, "ISOLATION") && value != "COMMITTED")
	case sqllex.Matches(set, "DEFAULT_TRANSACTION_ISOLATION"):
		return !slices.Contains([]string{"READ COMMITTED", "DEFAULT"}, value)
	case sqllex.Matches(set, "DEFAULT_TRANSACTION_READ_ONLY"):
		return !slices.Contains([]string{"OFF", "FALSE", "NO", "0", "DEFAULT"}, value)
	}
	return false
}

// selectsIntoTemporary finds SELECT … INTO TEMP name.
func selectsIntoTemporary(text string) bool {
	c := newCursor(text)
	if !c.at("SELECT") && !c.at("WITH") && c.tokens[0].Text(text) != "(" {
		return false
	}
	for len(c.tokens) > 0 {
		if c.take("INSERT", "INTO") || c.take("MERGE", "INTO") {
			continue
		}
		if !c.take("INTO") {
			c.tokens = c.tokens[1:]
			continue
		}
		_ = c.take("LOCAL") || c.take("GLOBAL")
		if (c.take("TEMP") || c.take("TEMPORARY")) && len(c.tokens) > 0 && !c.at("FROM") && !c.at("WHERE") &&
			(c.tokens[0].Kind == sqllex.Word || c.tokens[0].Kind == sqllex.Quoted) {
			return true
		}
	}
	return false
}

// namesTemporary finds pg_temp.name. pg_temp alone may be in a search_path.
func namesTemporary(text string) bool {
	for c := newCursor(text); len(c.tokens) > 1; c.tokens = c.tokens[1:] {
		kind := c.tokens[0].Kind
		if (kind == sqllex.Word || kind == sqllex.Quoted) && folded(c.tokens[0].Text(text)) == "pg_temp" && c.tokens[1].Text(text) == "." {
			return true
		}
	}
	return false
}
