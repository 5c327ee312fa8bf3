package script

import (
	"fmt"
	"strings"

	"github.com/agent-shaker/agent-shaker/migrator/internal/history"
	"github.com/agent-shaker/agent-shaker/migrator/internal/sqlfile"
	"github.com/agent-shaker/agent-shaker/migrator/internal/sqltext"
)

// What is recorded before a statement runs outside a transaction, so that what is left of it can be told from what was
// there before: by sets of oids, since REINDEX makes indexes of names of its own, and a file may be mended meanwhile.

// resolve is an SQL expression for the oids of what the statement names, with commas, as the file's search_path finds it.
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

// catalogPath is where all below it is at home: nothing is in front of PostgreSQL's own, no temporary table either.
var catalogPath = Frame("set local search_path = pg_catalog, pg_temp")

// objects is what resolve has found.
const objects = "string_to_array(current_setting('migrator.objects'), ',')::oid[]"

// withToast adds to tables, which are c, those that hold their long values: their indexes are rebuilt too.
const withToast = "cross join lateral (values (c.oid), (c.reltoastrelid)) f (oid)"

// scopeSQL is an SQL expression for the objects whose indexes the statement makes, or, where it makes none, for those that
// show whether it is done.
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

// sparedSQL is an SQL expression for the indexes in scope that are there before the statement and none of its remains. An
// invalid one under the name that CREATE INDEX … IF NOT EXISTS asks for is not spared: an earlier attempt has left it, and
// to skip it would be to accept it.
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

// identifier is an SQL expression for a name as the catalog has it: folded to lower case where it has no quotes.
func identifier(name string) string {
	return "(parse_ident(" + sqltext.Literal(name) + "))[1]::name"
}

// LeftoversSQL asks for what the catalog shows of a statement that was begun, as one row of JSON.
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

// ownSQL is a condition for the indexes that the statement makes: others may build theirs on the same tables.
func ownSQL(o *sqlfile.NonTx) string {
	switch o.Kind {
	case sqlfile.BuildsIndex:
		return "c.relname = " + identifier(o.Index)
	case sqlfile.Reindexes:
		return "c.relname ~ '_cc(new|old)[0-9]*$'" // what ReindexRelationConcurrently names them, and where that is taken already
	case sqlfile.Opaque, sqlfile.Repeatable, sqlfile.DropsIndex, sqlfile.Detaches, sqlfile.Finalizes:
	}
	return "false"
}

// Leftovers is the answer to remainsSQL.
type Leftovers struct {
	Named *struct {
		OID    int64  `json:"oid"`
		Name   string `json:"name"`
		Valid  bool   `json:"valid"`
		Shards *struct {
			Silent string `json:"silent"` // why one cannot be asked
			Whole  bool   `json:"whole"`  // it is valid on all of them
		} `json:"shards"` // of Citus
	} `json:"named"` // the index that the statement was to build, where it was not there before
	Invalid  []string `json:"invalid"`  // indexes that are new and not valid, as SQL names
	Known    bool     `json:"known"`    // all that the statement is about was there when it began
	There    bool     `json:"there"`    // something of it still is
	Broken   bool     `json:"broken"`   // an index of it that is not valid
	Attached bool     `json:"attached"` // the partition is
	Finalize string   `json:"finalize"` // what ends the detachment of the partition, where it was begun
	Builders []uint32 `json:"builders"` // other sessions that build indexes on its tables
}

// SameSQL are statements for a transaction in which the file's settings hold: what the statement makes of an empty copy of
// the table is compared with the index that is there. The transaction is to be rolled back.
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
