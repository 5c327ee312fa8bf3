package sqlfile

import (
	"crypto/sha256"
	"encoding/hex"

	"github.com/agent-shaker/agent-shaker/migrator/internal/sqllex"
)

// A Statement is one statement of a no-transaction file, with the settings that the file makes before it. SET is not a Statement
// of its own: it is repeated before each later one, so that a run that resumes the file has the same settings.
type Statement struct {
	Span     sqllex.Statement
	Settings []Setting // in force for it
	Since    []Setting // of these, the ones after the statement before it
	Hash     string
	NonTx    *NonTx      // nil: it can run in a transaction
	Calls    []Procedure // if one of them ends transactions, it cannot
}

// Separate divides a no-transaction file into its statements.
func Separate(sql string, statements []sqllex.Statement) []*Statement {
	var all []*Statement
	var settings, since []Setting
	for _, statement := range statements {
		words := statement.Words(sql)
		if isSetting(words) {
			s := newSetting(sql, statement)
			settings, since = inForce(settings, s), append(since, s)
			continue
		}
		u := &Statement{Span: statement, Settings: settings, Since: since, Hash: HashOf(sql, statement)}
		since = nil
		text := statement.Text(sql)
		itself := endsTransactions(words, text)
		if u.Calls = itself.Calls; itself.Ends || runsOutside(words, text) {
			u.NonTx = ReadNonTx(text)
		}
		all = append(all, u)
	}
	return all
}

// runsOutside reports whether a statement of a no-transaction file runs outside a transaction. DETACH PARTITION … FINALIZE may run
// in one, but would lock the partition for longer.
func runsOutside(words []string, text string) bool {
	return cannotBeInTransaction(words, text) || sqllex.Matches(words, "ALTER", "TABLE") && ReadNonTx(text).Kind == Finalizes
}

// HashOf is a hash of the statement's tokens, so that comments and line breaks may change. It is short, because the hashes of all
// statements that have run are written with each of them.
func HashOf(sql string, statement sqllex.Statement) string {
	h := sha256.New()
	for token := range statement.Tokens(sql) {
		h.Write([]byte(token.Text(sql)))
		h.Write([]byte{0})
	}
	return hex.EncodeToString(h.Sum(nil)[:8])
}

// refuseSeparate says why a statement must not be in a no-transaction file, where each runs in a transaction of its own and, after
// a crash, in another session.
func refuseSeparate(words []string, text string) (message, hint string) {
	const (
		each  = "each statement of a no-transaction file runs in a transaction of its own"
		apart = "put what belongs together into a file of its own, without `-- migrator: no-transaction`"
		gone  = "lives as long as the session, but a no-transaction file may go on in another one after a crash"
	)
	if runsOutside(words, text) && ReadNonTx(text).escaped {
		return `a name is written U&"…", so what it names could not be found again after a crash`, "write the characters themselves, in plain quotes"
	}
	if message, hint := refuseSessionState(words, text); message != "" {
		return message, hint
	}
	switch words[0] {
	case "BEGIN", "START", "COMMIT", "END", "ABORT", "ROLLBACK", "SAVEPOINT", "RELEASE":
		return words[0] + " has no place here: " + each, apart
	case "SET":
		switch {
		case sqllex.Matches(words, "SET", "LOCAL"):
			return "SET LOCAL would end with itself: " + each, "write SET, which holds for the rest of the file and no longer"
		case sqllex.Matches(words, "SET", "CONSTRAINTS"):
			return "SET CONSTRAINTS would end with itself: " + each, apart
		case sqllex.Matches(words, "SET", "SESSION?", "TRANSACTION|TRANSACTION_ISOLATION|TRANSACTION_READ_ONLY|TRANSACTION_DEFERRABLE"):
			return "SET TRANSACTION would end with itself: " + each, "write `-- migrator: isolation=serializable` (or repeatable-read) at the top of the file, for all of them"
		}
	case "LOCK":
		return "the lock would be gone at once: " + each, apart
	case "PREPARE":
		if sqllex.Matches(words, "PREPARE", "TRANSACTION") {
			return "PREPARE TRANSACTION has no place here: " + each, apart
		}
		return "a prepared statement " + gone, "write the statement itself"
	case "DECLARE":
		return "a cursor " + gone, apart
	case "CREATE":
		if sqllex.Matches(words, "CREATE", "OR?", "REPLACE?", "LOCAL|GLOBAL?", "TEMP|TEMPORARY") {
			return "what is temporary " + gone, "make it a plain one and drop it at the end of the file, or use a file without `-- migrator: no-transaction`"
		}
		if o := ReadNonTx(text); o.Kind == BuildsIndex && o.Index == "" {
			return "the index has no name, so it could not be found again after a crash",
				"name it: " + o.named(text)
		}
	case "DISCARD":
		return "DISCARD would also drop the lock by which this run keeps others away", "delete it: nothing is left behind in the session"
	}
	return "", ""
}
