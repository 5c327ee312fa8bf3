package sqlfile

import (
	"slices"
	"strings"

	"github.com/agent-shaker/agent-shaker/migrator/internal/sqllex"
)

const copyFromClient = "COPY … FROM STDIN reads its rows from the client, which a migration file cannot be"

// refuse says why a statement, given with its first words, must not be in a file, and what to do about it; "": it may.
func refuse(noTransaction bool, words []string, text string) (message, hint string) {
	if len(words) == 0 {
		return "", ""
	}
	if noTransaction {
		message, hint = refuseSeparate(words, text)
	} else {
		message, hint = refuseControl(words)
	}
	if message != "" {
		return message, hint
	}
	if message, hint = refuseSet(words); message != "" {
		return message, hint
	}
	if words[0] == "COPY" && copiesFromClient(text) {
		return copyFromClient, "write the rows as INSERT statements"
	}
	if !noTransaction && cannotBeInTransaction(words, text) {
		return "cannot run inside a transaction", "put it into a file of its own with this line at the top: -- migrator: no-transaction"
	}
	return "", ""
}

// refuseControl refuses statements that end or replace the transaction of the file and its history row.
func refuseControl(words []string) (message, hint string) {
	const (
		controls = "controls the transaction, but each file already runs in one, with its history row"
		remove   = "delete it; to undo a part of the file use SAVEPOINT and ROLLBACK TO"
		isolate  = "write `-- migrator: isolation=serializable` (or repeatable-read) at the top of the file"
	)
	switch words[0] {
	case "BEGIN", "START", "COMMIT", "END", "ABORT":
		if slices.Contains(words, "ISOLATION") {
			return words[0] + " " + controls, isolate
		}
		return words[0] + " " + controls, remove
	case "ROLLBACK":
		if slices.Contains(words[:min(3, len(words))], "TO") {
			return "", ""
		}
		return "ROLLBACK " + controls, remove
	case "PREPARE":
		if sqllex.Matches(words, "PREPARE", "TRANSACTION") {
			return "PREPARE TRANSACTION " + controls, remove
		}
	case "SET":
		set := withoutScope(words[1:])
		if sqllex.Matches(set, "TRANSACTION|CHARACTERISTICS|TRANSACTION_ISOLATION|TRANSACTION_READ_ONLY|TRANSACTION_DEFERRABLE") {
			return "SET TRANSACTION comes too late: the transaction has already written the history row", isolate
		}
	}
	return "", ""
}

// refuseSet refuses settings that change how the rest of the file is read. Those at the top of every pg_dump change nothing.
func refuseSet(words []string) (message, hint string) {
	if words[0] != "SET" && words[0] != "RESET" {
		return "", ""
	}
	rest := withoutScope(words[1:])
	if len(rest) == 0 {
		return "", ""
	}
	value := strings.ToUpper(strings.Trim(rest[len(rest)-1], `'`))
	switch strings.ToUpper(strings.Trim(rest[0], `"`)) {
	case "CLIENT_ENCODING", "NAMES":
		if slices.Contains([]string{"UTF8", "UTF-8", "UNICODE"}, value) {
			return "", ""
		}
		return "changes the encoding in which the file is read", "delete it and save the file as UTF-8"
	case "STANDARD_CONFORMING_STRINGS":
		if slices.Contains([]string{"ON", "TRUE", "YES", "1"}, value) {
			return "", ""
		}
		return "changes how the quotes after it are read", "delete it and write E'…' where a backslash is an escape"
	}
	return "", ""
}

// withoutScope drops SESSION or LOCAL before the name of a setting.
func withoutScope(words []string) []string {
	if sqllex.Matches(words, "SESSION|LOCAL") {
		return words[1:]
	}
	return words
}

// copiesFromClient reports whether a COPY reads from STDIN. A column list may stand between the two words.
func copiesFromClient(text string) bool {
	depth, from := 0, false
	for token := range sqllex.Significant(text) {
		word := token.Text(text)
		switch {
		case word == "(":
			depth++
		case word == ")":
			depth--
		case depth == 0 && from && token.Kind == sqllex.Word:
			return strings.EqualFold(word, "STDIN") || strings.EqualFold(word, "STDOUT") // the server accepts both
		}
		from = token.Kind == sqllex.Word && strings.EqualFold(word, "FROM")
	}
	return false
}
