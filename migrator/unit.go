package migrator

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/agent-shaker/agent-shaker/migrator/internal/sqllex"
)

// A unit is one statement of a no-transaction file, with the settings that the file makes before it. What only sets
// something for the session is no unit: it is repeated for each later one, and reset after it, so that a run which goes on
// after a crash has it too.
type unit struct {
	statement sqllex.Statement
	settings  []sessionSetting // in force
	since     []sessionSetting // those after the unit before it
	hash      string
	outside   *outside // nil: it can run in a transaction, together with its record
	calls     []callee // the procedures that it calls: where one of them ends transactions, it cannot
}

// units divides a no-transaction file.
func units(sql string, statements []sqllex.Statement) []*unit {
	var all []*unit
	var settings, since []sessionSetting
	for _, statement := range statements {
		words := statement.Words(sql)
		if isSetting(words) {
			s := newSessionSetting(sql, statement)
			settings, since = inForce(settings, s), append(since, s)
			continue
		}
		u := &unit{statement: statement, settings: settings, since: since, hash: hashOf(sql, statement)}
		since = nil
		text := statement.Text(sql)
		itself := endsItself(words, text)
		if u.calls = itself.calls; itself.ends || runsOutside(words, text) {
			u.outside = newOutside(text)
		}
		all = append(all, u)
	}
	return all
}

// runsOutside reports whether a statement of a no-transaction file runs outside a transaction. DETACH PARTITION … FINALIZE could
// run in one, which would hold the partition for longer.
func runsOutside(words []string, text string) bool {
	return refusesTransaction(words, text) || sqllex.Matches(words, "ALTER", "TABLE") && newOutside(text).kind == finalizes
}

// needsNoTransaction learns from an error that the statement cannot run in a transaction: what the server finds in its
// catalog (REINDEX of a partitioned table), or what a procedure does (COMMIT).
func (u *unit) needsNoTransaction(failed *failure) bool {
	var pg *pgconn.PgError
	if u.outside != nil || failed.operation.kind != opFile || failed.offset < u.statement.Start || !errors.As(failed.err, &pg) {
		return false
	}
	if pg.Code != "25001" && pg.Code != "2D000" { // active SQL transaction, invalid transaction termination
		return false
	}
	if pg.Code == "2D000" && strings.Contains(pg.Where, " EXECUTE") { // under EXECUTE nothing can commit, outside a transaction neither
		return false
	}
	u.outside = newOutside(u.statement.Text(failed.operation.file.text))
	return true
}

// hashOf is that of the statement's tokens: comments and line breaks may change. It is no longer than it must be to tell
// statements apart: those of all that have run are written anew with each that runs.
func hashOf(sql string, statement sqllex.Statement) string {
	h := sha256.New()
	for token := range statement.Tokens(sql) {
		h.Write([]byte(token.Text(sql)))
		h.Write([]byte{0})
	}
	return hex.EncodeToString(h.Sum(nil)[:8])
}

// judgeUnit says why a statement cannot be in a no-transaction file. Each runs in a transaction of its own, perhaps in a
// session of its own: a run that goes on after a crash begins with a new one.
func judgeUnit(words []string, text string) (message, hint string) {
	const (
		each  = "each statement of a no-transaction file runs in a transaction of its own"
		apart = "put what belongs together into a file of its own, without `-- migrator: no-transaction`"
		gone  = "lives as long as the session, but a no-transaction file may go on in another one after a crash"
	)
	if runsOutside(words, text) && newOutside(text).escaped {
		return `a name is written U&"…", so what it names could not be found again after a crash`, "write the characters themselves, in plain quotes"
	}
	if message, hint := judgeSessionState(words, text); message != "" {
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
		if o := newOutside(text); o.kind == buildsIndex && o.index == "" {
			return "the index has no name, so it could not be found again after a crash",
				"name it: " + o.named(text)
		}
	case "DISCARD":
		return "DISCARD would also drop the lock by which this run keeps others away", "delete it: nothing is left behind in the session"
	}
	return "", ""
}
