package script

import (
	"fmt"
	"strings"

	"github.com/agent-shaker/agent-shaker/migrator/internal/history"
	"github.com/agent-shaker/agent-shaker/migrator/internal/sqlfile"
	"github.com/agent-shaker/agent-shaker/migrator/internal/sqltext"
)

// Before a statement runs outside a transaction, the record notes which objects it concerns and which indexes exist. So the next
// run can tell the indexes that are left over from those that were there before. The record has oids, not names: REINDEX chooses
// names of its own, and somebody may fix the file before the next run.

// resolveSQL is an SQL expression for the oids of the objects that the statement names, with commas in between. It finds them
// with the file's search_path.
func resolveSQL(o *sqlfile.NonTx) string {
	var oids []string
	for _, n := range o.Names {
		switch n.Class {
		case "INDEX", "TABLE":
			oids = append(oids, fmt.Sprintf("pg_catalog.to_regclass(%s)::pg_catalog.oid", sqltext.Literal(n.Text)))
		case "SCHEMA":
			oids = append(oids, fmt.Sprintf("pg_catalog.to_regnamespace(%s)::pg_catalog.oid", sqltext.Literal(n.Text)))
		}
	}
	if len(oids) == 0 {
		return "''"
	}
	return "pg_catalog.concat_ws(',', " + strings.Join(oids, ", ") + ")"
}

// catalogPath sets the search_path for the SQL below that uses unqualified names. Nothing comes before PostgreSQL's own objects,
// not even a temporary table.
var catalogPath = Frame("set local search_path = pg_catalog, pg_temp")

// objects is an SQL expression for the oids that resolveSQL has found.
const objects = "string_to_array(current_setting('migrator.objects'), ',')::oid[]"

// withToast adds to each table c its TOAST table, which holds long values: REINDEX rebuilds its index too.
const withToast = "cross join lateral (values (c.oid), (c.reltoastrelid)) f (oid)"

// scopeSQL is an SQL expression for the oids of the tables for which the statement builds indexes. If it builds none, it is an
// expression for the objects that show whether the statement is done.
func scopeSQL(o *sqlfile.NonTx) string {
	if o.Kind != sqlfile.Reindexes {
		return objects
	}
	switch o.Names[0].Class {
	case "INDEX", "TABLE": // with partitions
		return "array(select distinct f.oid from unnest(" + objects + `) o (oid)
	left join pg_index i on i.indexrelid = o.oid
	cross join lateral (select coalesce(i.indrelid, o.oid) union select relid from pg_partition_tree(coalesce(i.indrelid, o.oid))) t (oid)
	join pg_class c on c.oid = t.oid ` + withToast + " where f.oid <> 0)"
	case "SCHEMA":
		return "array(select f.oid from pg_class c " + withToast + " where c.relnamespace = any (" + objects + ") and c.relkind in ('r', 'm') and f.oid <> 0)"
	}
	return "array(select c.oid from pg_class c where c.relkind in ('r', 'm', 't'))"
}

// sparedSQL is an SQL expression for the indexes in scope that exist before the statement, and so are not left over from it. An
// invalid index with the name that CREATE INDEX … IF NOT EXISTS asks for is not spared: an earlier attempt has left it, and
// PostgreSQL would accept it by skipping the statement.
func sparedSQL(o *sqlfile.NonTx, scope string) string {
	switch o.Kind {
	case sqlfile.BuildsIndex:
		remains := "false"
		if o.IfNotExists {
			remains = "not i.indisvalid and c.relname = " + identifier(o.Index)
		}
		return fmt.Sprintf("array(select c.oid from pg_index i join pg_class c on c.oid = i.indexrelid where i.indrelid = any (%s) and not (%s))", scope, remains)
	case sqlfile.Reindexes:
		return fmt.Sprintf("array(select i.indexrelid from pg_index i where i.indrelid = any (%s) and not i.indisvalid)", scope)
	case sqlfile.Opaque, sqlfile.Repeatable, sqlfile.DropsIndex, sqlfile.Detaches, sqlfile.Finalizes:
	}
	return "'{}'::oid[]"
}

// identifier is an SQL expression for a name as the catalog has it: in lower case unless it is quoted.
func identifier(name string) string {
	return "(parse_ident(" + sqltext.Literal(name) + "))[1]::name"
}

// LeftoversSQL is a query for what the catalog shows about a statement that began outside a transaction. Its result is one row,
// the JSON of Leftovers, or no row if the file has no record any more.
func LeftoversSQL(o *sqlfile.NonTx, t history.Table, version string, citus bool) string {
	named := "null"
	if o.Kind == sqlfile.BuildsIndex {
		shards := "null"
		if citus {
			shards = "(select json_build_object('silent', min(r.result) filter (where not r.success), 'whole', coalesce(bool_and(r.result = 't'), true)) from " + shardAnswers("c.oid", "i.indrelid") + ")"
		}
		named = fmt.Sprintf("(select json_build_object('oid', c.oid::int8, 'name', format('%%I.%%I', n.nspname, c.relname), 'valid', i.indisvalid, 'shards', %s) from pg_index i join pg_class c on c.oid = i.indexrelid join pg_namespace n on n.oid = c.relnamespace where i.indrelid = any (p.scope) and c.oid <> all (p.spared) and c.relname = %s)", shards, identifier(o.Index))
	}
	return catalogPath.SQL + fmt.Sprintf(`;
select json_build_object(
	'named', %s,
	'invalid', (select json_agg(format('%%I.%%I', n.nspname, c.relname)) from pg_index i join pg_class c on c.oid = i.indexrelid join pg_namespace n on n.oid = c.relnamespace
		where i.indrelid = any (p.scope) and not i.indisvalid and c.oid <> all (p.spared) and c.relkind = 'i' and %s),
	'known', cardinality(p.scope) = %d,
	'there', exists (select from pg_class c where c.oid = any (p.scope)),
	'broken', exists (select from pg_index i where i.indexrelid = any (p.scope) and not i.indisvalid),
	'attached', exists (select from pg_inherits h where h.inhparent = p.scope[1] and h.inhrelid = p.scope[2]),
	'finalize', (select format('alter table %%s detach partition %%s finalize', h.inhparent::regclass, h.inhrelid::regclass)
		from pg_inherits h where h.inhparent = p.scope[1] and h.inhrelid = p.scope[2] and h.inhdetachpending),
	'builders', (select json_agg(b.pid) from pg_stat_progress_create_index b where b.datname = current_database() and b.pid <> pg_backend_pid()
		and exists (select from pg_locks l where l.pid = b.pid and l.locktype = 'relation' and l.granted and l.relation = any (p.scope)))
) from %s p where p.version = %s`, named, ownSQL(o), len(o.Names), t.Progress().SQL(), sqltext.Literal(version))
}

// ownSQL is an SQL condition for the indexes c that the statement itself builds: others may build indexes on the same tables.
func ownSQL(o *sqlfile.NonTx) string {
	switch o.Kind {
	case sqlfile.BuildsIndex:
		return "c.relname = " + identifier(o.Index)
	case sqlfile.Reindexes:
		return "c.relname ~ '_cc(new|old)[0-9]*$'" // as PostgreSQL's ReindexRelationConcurrently names them
	case sqlfile.Opaque, sqlfile.Repeatable, sqlfile.DropsIndex, sqlfile.Detaches, sqlfile.Finalizes:
	}
	return "false"
}

// Leftovers is the result of LeftoversSQL.
type Leftovers struct {
	Named *struct {
		OID    int64  `json:"oid"`
		Name   string `json:"name"`
		Valid  bool   `json:"valid"`
		Shards *struct {
			Silent string `json:"silent"` // why a shard cannot be asked; "": all can
			Whole  bool   `json:"whole"`  // the index is valid on all shards
		} `json:"shards"` // nil: the server does not have Citus
	} `json:"named"` // the index that the statement builds; nil: there is none, or it existed before
	Invalid  []string `json:"invalid"`  // new indexes of the statement that are not valid, as SQL names
	Known    bool     `json:"known"`    // all objects that the statement names existed when it began
	There    bool     `json:"there"`    // at least one of them still exists
	Broken   bool     `json:"broken"`   // one of them is an index that is not valid
	Attached bool     `json:"attached"` // the partition is still attached
	Finalize string   `json:"finalize"` // the statement that ends a pending detachment of the partition; "": none is pending
	Builders []uint32 `json:"builders"` // the pids of other sessions that build indexes on its tables
}

// SameSQL returns statements that compare the index with this oid to the one that the statement would build. They build that one
// on an empty copy of the table. The last result is true if both have the same definition. Run the statements in a transaction
// with the file's settings, and roll it back.
func SameSQL(o *sqlfile.NonTx, index int64) string {
	const definition = "pg_catalog.regexp_replace(pg_catalog.pg_get_indexdef(i.indexrelid), '^.*? USING ', '')"
	unique := ""
	if o.Unique {
		unique = "unique "
	}
	return sqltext.Block(fmt.Sprintf("  execute pg_catalog.format('create temporary table migrator_copy (like %%s) on commit drop', (select i.indrelid::pg_catalog.regclass from pg_catalog.pg_index i where i.indexrelid operator(pg_catalog.=) %d));", index)) +
		";\ncreate " + unique + "index migrator_copy_index on pg_temp.migrator_copy " + o.Rest + "\n;\n" + fmt.Sprintf(
		`select (select pg_catalog.concat_ws(' ', i.indisunique, %[1]s) from pg_catalog.pg_index i where i.indexrelid operator(pg_catalog.=) %[2]d)
	operator(pg_catalog.=) (select pg_catalog.concat_ws(' ', i.indisunique, %[1]s) from pg_catalog.pg_index i where i.indexrelid operator(pg_catalog.=) 'pg_temp.migrator_copy_index'::pg_catalog.regclass)`,
		definition, index)
}
