package migrator

import (
	"fmt"

	"github.com/agent-shaker/agent-shaker/migrator/internal/script"
	"github.com/agent-shaker/agent-shaker/migrator/internal/sqlstate"
	"github.com/agent-shaker/agent-shaker/migrator/internal/sqltext"
)

// compileChanges returns the step of a target that runs nothing: all rows in one transaction. It writes each row only if it is
// still as it was read, so that it does not overwrite what another run has written in the meantime.
func compileChanges(s script.Writer, target Target, changes []Change) *step {
	var claims []script.Op
	for i := range changes {
		claims = append(claims, compileChange(s, &changes[i])...)
	}
	return &step{Step: s.Transaction(target.String(), claims...), changes: changes}
}

func compileChange(s script.Writer, c *Change) []script.Op {
	var claims []script.Op
	switch {
	case c.Before == nil || c.Before.Unfinished == nil:
	case c.After != nil && c.After.Unfinished != nil: // the statements that have run stay so
		claims = append(claims, writeUnfinished(s, fmt.Sprintf("update %s set version = %s", s.Table.Progress().SQL(), sqltext.Literal(string(c.After.Version))), c.Before))
	default:
		claims = append(claims, writeUnfinished(s, "delete from "+s.Table.Progress().SQL(), c.Before), s.DropProgress())
	}
	switch {
	case c.After == nil && !c.Before.inHistory():
		return claims
	case c.After == nil:
		return append(claims, writeAsRead(s, "delete from "+s.Table.SQL(), c.Before))
	case !c.Before.inHistory():
		return append(claims, script.Op{Kind: script.OpClaim, SQL: s.Insert(sqltext.Literal(string(c.After.Version)), sqltext.Literal(c.After.Checksum))})
	}
	return append(claims, writeAsRead(s, fmt.Sprintf("update %s set version = %s, checksum = %s",
		s.Table.SQL(), sqltext.Literal(string(c.After.Version)), sqltext.Literal(c.After.Checksum)), c.Before))
}

// writeAsRead writes a row if it is still as it was read.
func writeAsRead(s script.Writer, write string, before *Row) script.Op {
	return script.Op{Kind: script.OpClaim, SQL: sqltext.Block(sqltext.RequireRow(
		fmt.Sprintf("%s\n  where version operator(pg_catalog.=) %s and coalesce(checksum, '') operator(pg_catalog.=) %s", write, sqltext.Literal(string(before.Version)), sqltext.Literal(before.Checksum)),
		sqltext.Raise(sqlstate.RowGone, "the row is not as it was read", "")))}
}

// writeUnfinished writes the record of a no-transaction file if the number of its statements that have run is still the same.
func writeUnfinished(s script.Writer, write string, before *Row) script.Op {
	return script.Op{Kind: script.OpClaim, SQL: sqltext.Block(sqltext.RequireRow(
		fmt.Sprintf("%s\n  where version operator(pg_catalog.=) %s and done operator(pg_catalog.=) %d", write, sqltext.Literal(string(before.Version)), before.Unfinished.Done),
		sqltext.Raise(sqlstate.RecordStale, "another run has gone on with it", "")))}
}
