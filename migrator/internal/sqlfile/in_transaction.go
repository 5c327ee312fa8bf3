package sqlfile

import (
	"slices"
	"strings"

	"github.com/agent-shaker/agent-shaker/migrator/internal/sqllex"
)

// cannotBeInTransaction reports whether PostgreSQL refuses a statement in a transaction block, with 25001 (active SQL transaction).
// The list is that of the callers of PreventInTransactionBlock in PostgreSQL 18. Where the catalog decides (REINDEX of a partitioned
// table, a procedure that commits), the server tells.
func cannotBeInTransaction(words []string, text string) bool {
	switch words[0] {
	case "CREATE":
		return sqllex.Matches(words, "CREATE", "UNIQUE?", "INDEX", "CONCURRENTLY") || sqllex.Matches(words, "CREATE", "DATABASE|TABLESPACE") ||
			(sqllex.Matches(words, "CREATE", "SUBSCRIPTION") && !says(text, "CREATE_SLOT", "FALSE", "OFF", "0") && !says(text, "CONNECT", "FALSE", "OFF", "0"))
	case "DROP":
		return sqllex.Matches(words, "DROP", "INDEX", "CONCURRENTLY") || sqllex.Matches(words, "DROP", "DATABASE|TABLESPACE")
	case "ALTER":
		return sqllex.Matches(words, "ALTER", "SYSTEM") ||
			(sqllex.Matches(words, "ALTER", "DATABASE") && slices.Contains(words, "TABLESPACE")) ||
			(sqllex.Matches(words, "ALTER", "TABLE") && detachesConcurrently(text)) ||
			(sqllex.Matches(words, "ALTER", "SUBSCRIPTION") && refreshes(words, text))
	case "REINDEX":
		return reindexRefuses(words, text)
	case "VACUUM":
		return true
	case "CLUSTER":
		return !slices.ContainsFunc(afterOptions(words[1:]), func(w string) bool { return w != "VERBOSE" })
	case "DISCARD":
		return sqllex.Matches(words, "DISCARD", "ALL")
	}
	return false
}

func reindexRefuses(words []string, text string) bool {
	for _, w := range words[1:] {
		switch w {
		case "SCHEMA", "DATABASE", "SYSTEM":
			return true
		case "INDEX", "TABLE":
			return slices.Contains(words, "CONCURRENTLY") && !says(text, "CONCURRENTLY", "FALSE", "OFF", "0")
		}
	}
	return false
}

// afterOptions drops leading options in parentheses.
func afterOptions(words []string) []string {
	if end := slices.Index(words, ")"); len(words) > 0 && words[0] == "(" && end > 0 {
		return words[end+1:]
	}
	return words
}

// refreshes reports whether an ALTER SUBSCRIPTION asks the publisher for its tables.
func refreshes(words []string, text string) bool {
	if i := slices.Index(words, "PUBLICATION"); i > 0 {
		return words[i-1] == "REFRESH" || !says(text, "REFRESH", "FALSE", "OFF", "0")
	}
	return false
}

// detachesConcurrently looks for DETACH PARTITION … CONCURRENTLY.
func detachesConcurrently(text string) bool {
	detach := false
	for token := range sqllex.Significant(text) {
		if token.Kind != sqllex.Word {
			continue
		}
		word := token.Text(text)
		if detach && strings.EqualFold(word, "CONCURRENTLY") {
			return true
		}
		detach = detach || strings.EqualFold(word, "DETACH")
	}
	return false
}

// says reports whether an option in parentheses has one of the values: WITH (create_slot = false).
func says(text, option string, values ...string) bool {
	seen := false
	for token := range sqllex.Significant(text) {
		word := strings.ToUpper(strings.Trim(token.Text(text), `'"`))
		switch {
		case word == option:
			seen = true
		case seen && word != "=":
			if slices.Contains(values, word) {
				return true
			}
			seen = false
		}
	}
	return false
}
