package script

import (
	"fmt"

	"github.com/agent-shaker/agent-shaker/migrator/internal/sqlstate"
	"github.com/agent-shaker/agent-shaker/migrator/internal/sqltext"
)

// utcNow is the SQL value of applied_at: the current time in UTC.
const utcNow = "pg_catalog.timezone('utc', pg_catalog.clock_timestamp())"

// sealHint is the hint of a seal that does not find its row.
const sealHint = "a migration must not write to the history table, nor end its transaction; nor may a trigger there keep the row out"

// claim writes the history row before the file runs. The first run to write it does the work. A second run waits until the
// transaction of the first one ends. Then it fails on the primary key, or finds the row gone or up to date.
func (s Writer) claim(move *Move) Op {
	version := sqltext.Literal(move.Version)
	if move.Down {
		return Op{Kind: OpClaim, SQL: sqltext.Block(sqltext.RequireRow(
			fmt.Sprintf("update %s set applied_at = applied_at where version operator(pg_catalog.=) %s", s.Table.SQL(), version),
			sqltext.Raise(sqlstate.RowGone, "it is not applied any more", "")))}
	}
	insert := s.Insert(version, sqltext.Literal(move.Checksum))
	if move.Repeatable { // the row may exist already, with the checksum of an older text
		insert = sqltext.Block(sqltext.RequireRow(
			fmt.Sprintf("%s\n  on conflict (version) do update set checksum = excluded.checksum\n    where not coalesce(%s.checksum operator(pg_catalog.=) excluded.checksum, false)", insert, sqltext.Ident(s.Table.Name)),
			sqltext.Raise(sqlstate.RowGone, "it is applied already", "")))
	}
	return Op{Kind: OpClaim, SQL: insert}
}

// Insert returns the statement that adds a history row. Both arguments are SQL expressions. applied_at is the current time.
func (s Writer) Insert(version, checksum string) string {
	return fmt.Sprintf("insert into %s (version, applied_at, checksum)\nvalues (%s, %s, %s)", s.Table.SQL(), version, utcNow, checksum)
}

// seal prevents the commit if the history row is gone or belongs to another transaction. That means that the file has dropped or
// emptied the history, or has ended the transaction in a way that the review of its text did not notice.
func (s Writer) seal(move *Move) Op {
	return Op{Kind: OpSeal, SQL: sqltext.Block(sqltext.RequireRow(
		s.sealed(move.Down, sqltext.Literal(move.Version)),
		sqltext.Raise(sqlstate.SealBroken, "the row of this file is gone or changed in "+s.Table.String(), sealHint)))}
}

// sealed is a statement that updates the history row, or deletes it going down, if this transaction has written the row before.
// version is an SQL expression.
func (s Writer) sealed(down bool, version string) string {
	write := "update %s set applied_at = " + utcNow
	if down {
		write = "delete from %s"
	}
	return fmt.Sprintf(write+"\n  where version operator(pg_catalog.=) %s\n    and xmin operator(pg_catalog.=) pg_catalog.pg_current_xact_id()::pg_catalog.xid",
		s.Table.SQL(), version)
}
