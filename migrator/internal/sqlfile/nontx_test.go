package sqlfile

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/agent-shaker/agent-shaker/migrator/internal/sqllex"
)

var kindNames = map[NonTxKind]string{
	Opaque: "opaque", Repeatable: "repeatable", BuildsIndex: "builds", Reindexes: "reindexes", DropsIndex: "drops", Detaches: "detaches", Finalizes: "finalizes",
}

// describeOutside is what newOutside has read, in words.
func describeOutside(o *NonTx) string {
	words := []string{kindNames[o.Kind]}
	for _, flag := range []struct {
		set  bool
		word string
	}{{o.Concurrently, "concurrently"}, {o.Unique, "unique"}, {o.IfNotExists, "if-not-exists"}} {
		if flag.set {
			words = append(words, flag.word)
		}
	}
	if o.Kind == BuildsIndex {
		words = append(words, fmt.Sprintf("<%s>", o.Index))
	}
	for _, n := range o.Names {
		words = append(words, n.Class+" "+n.Text)
	}
	if o.Rest != "" {
		words = append(words, "| "+o.Rest)
	}
	return strings.Join(words, " ")
}

func TestAStatementOutsideATransactionIsReadAsTheServerReadsIt(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ sql, want string }{
		{"create index concurrently i on t (a)", "builds concurrently <i> TABLE t | (a)"},
		{"CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS i ON t USING btree (a) where a > 0", "builds concurrently unique if-not-exists <i> TABLE t | USING btree (a) where a > 0"},
		{"create/**/index -- why\n concurrently /* x */ i/**/on/**/app . t(a)", "builds concurrently <i> TABLE app.t | (a)"},
		{`create index concurrently "My Index" on "My.Schema"."T""x" ("On")`, `builds concurrently <"My Index"> TABLE "My.Schema"."T""x" | ("On")`},
		{`create index concurrently "on" on t (a)`, `builds concurrently <"on"> TABLE t | (a)`},
		{`create index concurrently if on t (a)`, "builds concurrently <if> TABLE t | (a)"},
		{`create index concurrently if not exists "if" on "only" (a)`, `builds concurrently if-not-exists <"if"> TABLE "only" | (a)`},
		{"create index concurrently i on only app.t (a)", "builds concurrently <i> TABLE app.t | (a)"},
		{"create index concurrently i on only (app.t) (a)", "builds concurrently <i> TABLE app.t | (a)"},
		{"create index concurrently i on t", "builds concurrently <i> TABLE t"},
		{"create index concurrently on t (a)", "builds concurrently <> TABLE t | (a)"},
		{"create index concurrently", "builds concurrently <> TABLE "},

		{"drop index concurrently i", "drops concurrently INDEX i"},
		{`DROP INDEX CONCURRENTLY IF EXISTS app."I" cascade`, `drops concurrently INDEX app."I"`},
		{`drop index concurrently "if" restrict`, `drops concurrently INDEX "if"`},

		{"reindex index concurrently app.i", "reindexes concurrently INDEX app.i"},
		{"reindex table concurrently t", "reindexes concurrently TABLE t"},
		{"reindex (concurrently) table t", "reindexes concurrently TABLE t"},
		{"REINDEX (verbose, concurrently on, tablespace x) INDEX \"I\"", "reindexes concurrently INDEX \"I\""},
		{"reindex (verbose) schema app", "reindexes SCHEMA app"},
		{"reindex (concurrently false) schema app", "reindexes SCHEMA app"},
		{"reindex (concurrently off, verbose) database", "reindexes DATABASE "},
		{"reindex schema concurrently app", "reindexes concurrently SCHEMA app"},
		{"reindex table concurrently off", "reindexes concurrently TABLE off"},
		{"reindex database d", "reindexes DATABASE d"},
		{"reindex system", "reindexes SYSTEM "},
		{"reindex table parts", "reindexes TABLE parts"},
		{`reindex table concurrently "index"`, `reindexes concurrently TABLE "index"`},
		{"reindex", "opaque"},

		{"alter table p detach partition c concurrently", "detaches concurrently TABLE p TABLE c"},
		{"alter table if exists only app . p detach partition app.\"C\" concurrently", "detaches concurrently TABLE app.p TABLE app.\"C\""},
		{"alter table only (p) detach partition c concurrently", "detaches concurrently TABLE p TABLE c"},
		{"alter table if exists p detach partition app.c finalize", "finalizes TABLE p TABLE app.c"},
		{"alter table p add column a int", "opaque"},

		{"vacuum", "repeatable concurrently"},
		{"vacuum verbose analyze t", "repeatable concurrently"},
		{"vacuum (freeze, full off) t", "repeatable concurrently"},
		{"vacuum (verbose) full", "repeatable concurrently"},
		{"vacuum full", "repeatable"},
		{"vacuum (full) t", "repeatable"},
		{"vacuum (analyze, full true, verbose) t", "repeatable"},
		{"cluster", "repeatable"},
		{"alter system set work_mem = '1GB'", "repeatable"},
		{"alter database d set tablespace s", "repeatable"},
		{"alter subscription s refresh publication", "repeatable"},

		{"create database d", "opaque"},
		{"drop database d", "opaque"},
		{"create tablespace s location '/s'", "opaque"},
		{"create subscription s connection 'x' publication p", "opaque"},
		{"call p()", "opaque"},
		{"do $$ begin commit; end $$", "opaque"},
		{`"vacuum"`, "opaque"},
	} {
		require.Equal(t, c.want, describeOutside(ReadNonTx(c.sql)), c.sql)
	}
}

// A file is reviewed before the server says what is wrong with its syntax.
func TestAStatementThatEndsTooSoonIsReadToo(t *testing.T) {
	t.Parallel()
	for _, sql := range []string{
		`create unique index concurrently if not exists "i" on only (app.t) using btree (a, (b + 1)) where c`, "drop index concurrently if exists app.i", "reindex (verbose, concurrently) table app.t",
		"alter table if exists only app.p detach partition app.c concurrently", "alter subscription s refresh publication", "vacuum (analyze, full) t", "create database d template = e",
	} {
		for token := range sqllex.Significant(sql) {
			cut := sql[:token.End]
			o := ReadNonTx(cut)
			require.NotNil(t, o, cut)
			if o.Kind == BuildsIndex {
				require.NotEmpty(t, o.named(cut), cut)
			}
		}
	}
}

func TestTheStatementIsGivenBackWithTheNameThatTheServerWouldChoose(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ sql, want string }{
		{"create index concurrently on t (a)", "create index concurrently t_a_idx on t (a)"},
		{"CREATE UNIQUE INDEX CONCURRENTLY ON app.Users (Email, created_at DESC NULLS LAST)", "CREATE UNIQUE INDEX CONCURRENTLY users_email_created_at_idx ON app.Users (Email, created_at DESC NULLS LAST)"},
		{"create index concurrently if not exists on only t (a)", "create index concurrently if not exists t_a_idx on only t (a)"},
		{"create index concurrently on t using gin (a gin_trgm_ops, b) include (c) where (d > 0)", "create index concurrently t_a_b_c_idx on t using gin (a gin_trgm_ops, b) include (c) where (d > 0)"},
		{"create index concurrently on t (lower(a), (b + 1), c collate \"C\")", "create index concurrently t_lower_expr_c_idx on t (lower(a), (b + 1), c collate \"C\")"},
		{"create index concurrently on t (a) where ((b) > 0)", "create index concurrently t_a_idx on t (a) where ((b) > 0)"},
		{`create index concurrently on "My.Table" ("First Name")`, `create index concurrently "My.Table_First Name_idx" on "My.Table" ("First Name")`},
		{`create index concurrently on "plain" ("a")`, `create index concurrently plain_a_idx on "plain" ("a")`},
		{"create index concurrently -- without a name\n  on t (a) where b = 'x  y'", "create index concurrently -- without a name\n  t_a_idx on t (a) where b = 'x  y'"},
	} {
		o := ReadNonTx(c.sql)
		require.Equal(t, c.want, o.named(c.sql))
		if again := ReadNonTx(c.want); again.Names[0].Text != "" {
			require.NotEmpty(t, again.Index, c.want)
			require.Equal(t, o.Rest, again.Rest, "nothing else changes")
		}
	}
}

func TestTheDatabaseThatNobodyElseMayUseIsFound(t *testing.T) {
	t.Parallel()
	for sql, want := range map[string]string{
		"create database d": "template1", "create database d template default": "template1", "CREATE DATABASE d OWNER o TEMPLATE Shop": "shop",
		`create database d with template = "My shop" encoding 'UTF8'`: "My shop", "create database d template = 'shop'": "shop",
		"drop database if exists d with (force)": "d", "alter database d set tablespace s": "d",
		"vacuum": "", "create tablespace s location '/s'": "", "create index concurrently i on t (a)": "",
	} {
		require.Equal(t, want, ReadNonTx(sql).Database, sql)
	}
}
