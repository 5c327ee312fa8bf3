package migrator

import (
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/agent-shaker/agent-shaker/migrator/internal/history"
	"github.com/agent-shaker/agent-shaker/migrator/internal/sqlstate"
	"github.com/agent-shaker/agent-shaker/migrator/internal/sqltext"
)

// grantFor returns the GRANT that the role needs for a statement of ours, on the history or the progress table.
func grantFor(s *history.Server, t history.Table, sql string) string {
	user := sqltext.Ident(s.User)
	if strings.Contains(sql, "create table ") {
		return fmt.Sprintf("grant create on schema %s to %s", sqltext.Ident(t.Schema), user)
	}
	if strings.Contains(sql, t.Progress().SQL()) {
		t = t.Progress()
	}
	return fmt.Sprintf("grant select, insert, update, delete on %s to %s", t.SQL(), user)
}

// missingGrant returns a hint with the GRANT if err says that the role may not read the table; otherwise "".
func missingGrant(s *history.Server, err error, oid int64) string {
	var pg *pgconn.PgError
	var note strings.Builder
	for _, t := range s.Tables {
		if t.OID == oid && errors.As(err, &pg) && pg.Code == sqlstate.InsufficientPrivilege {
			writeNote(&note, "HINT", grantFor(s, history.Table{Schema: t.Schema, Name: t.Name}, ""))
		}
	}
	return note.String()
}
