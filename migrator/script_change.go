package migrator

import (
	"fmt"

	"github.com/agent-shaker/agent-shaker/migrator/internal/sqltext"
)

// changes is the step of a target that runs nothing: all of its rows in one transaction. Each is claimed as it was read, so
// that what another run has written meanwhile is not overwritten.
func (s scripter) changes(target Target, changes []Change) *step {
	var claims []operation
	for i := range changes {
		claims = append(claims, s.change(&changes[i])...)
	}
	st := s.transaction(target.String(), claims...)
	st.changes = changes
	return st
}

func (s scripter) change(c *Change) []operation {
	var claims []operation
	switch {
	case c.Before == nil || c.Before.Unfinished == nil:
	case c.After != nil && c.After.Unfinished != nil: // what has run of it has run
		claims = append(claims, s.unfinished(fmt.Sprintf("update %s set version = %s", s.table.Progress().SQL(), sqltext.Literal(string(c.After.Version))), c.Before))
	default:
		claims = append(claims, s.unfinished("delete from "+s.table.Progress().SQL(), c.Before), s.dropProgress())
	}
	switch {
	case c.After == nil && !c.Before.inHistory():
		return claims
	case c.After == nil:
		return append(claims, s.guarded("delete from "+s.table.SQL(), c.Before))
	case !c.Before.inHistory():
		return append(claims, operation{kind: opClaim, sql: s.insert(sqltext.Literal(string(c.After.Version)), sqltext.Literal(c.After.Checksum))})
	}
	return append(claims, s.guarded(fmt.Sprintf("update %s set version = %s, checksum = %s",
		s.table.SQL(), sqltext.Literal(string(c.After.Version)), sqltext.Literal(c.After.Checksum)), c.Before))
}

// guarded writes a row if it is still as it was read.
func (s scripter) guarded(write string, before *Row) operation {
	return operation{kind: opClaim, sql: sqltext.Block(sqltext.RequireRow(
		fmt.Sprintf("%s\n  where version operator(pg_catalog.=) %s and coalesce(checksum, '') operator(pg_catalog.=) %s", write, sqltext.Literal(string(before.Version)), sqltext.Literal(before.Checksum)),
		sqltext.Raise(codeGone, "the row is not as it was read", "")))}
}

// unfinished writes the record of a no-transaction file if as many statements of it have run as were read.
func (s scripter) unfinished(write string, before *Row) operation {
	return operation{kind: opClaim, sql: sqltext.Block(sqltext.RequireRow(
		fmt.Sprintf("%s\n  where version operator(pg_catalog.=) %s and done operator(pg_catalog.=) %d", write, sqltext.Literal(string(before.Version)), before.Unfinished.Done),
		sqltext.Raise(codeStale, "another run has gone on with it", "")))}
}
