package sqlfile

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// refused requires that parse refuses each statement with the message, and at its place.
func refused(t *testing.T, message string, statements ...string) {
	t.Helper()
	for _, sql := range statements {
		text := "select 'é';\n  " + sql + ";\nselect 2;\n"
		_, problems := Parse("1_a.sql", text, false)
		require.Len(t, problems, 1, sql)
		require.Equal(t, strings.Index(text, "  "+sql)+2, problems[0].Offset, sql)
		require.True(t, strings.HasPrefix(problems[0].Message, message), sql)
		require.NotEmpty(t, problems[0].Hint, sql)
	}
}

// legal requires that parse lets each statement pass as it is.
func legal(t *testing.T, statements ...string) {
	t.Helper()
	for _, sql := range statements {
		for _, text := range []string{sql, "select 1;\n" + sql + "; select 2;\n"} {
			file, err := fileOf("1_a.sql", text)
			require.NoError(t, err, text)
			require.Equal(t, text, file.Text)
			require.Empty(t, file.Warnings)
		}
	}
}

func TestAStatementThatControlsTheTransactionIsRefused(t *testing.T) {
	t.Parallel()
	refused(t, "BEGIN controls", "begin", "BEGIN WORK", "begin/**/transaction", "begin isolation level serializable", "begin read only, not deferrable", "bEgIn")
	refused(t, "START controls", "start transaction", "start transaction read write")
	refused(t, "COMMIT controls", "commit", "commit work", "commit and no chain", "commit prepared 'x'", "commit /* x */ -- y\n")
	refused(t, "END controls", "end", "end transaction", "end and chain")
	refused(t, "ABORT controls", "abort", "abort work")
	refused(t, "ROLLBACK controls", "rollback", "rollback work", "rollback transaction", "rollback and chain", "rollback prepared 'to'", `rollback "to" a`)
	refused(t, "PREPARE TRANSACTION controls", "prepare transaction 'x'", "prepare/**/transaction $$x$$")
}

func TestWhatOnlyLooksLikeTransactionControlIsLegal(t *testing.T) {
	t.Parallel()
	legal(t, "savepoint a", "savepoint commit", "release a", "release savepoint a",
		"rollback to a", "rollback to savepoint a", "rollback work to a", "rollback transaction to savepoint a", "ROLLBACK TO/**/a")
	legal(t, "prepare p as select 1", "prepare p (int) as select $1", "execute p", "deallocate p")
	legal(t, `"begin"`, `"commit"()`, "begins", "ending", "commits", "beginß", "begın")
	legal(t, "do $$ begin commit; rollback; end $$", "do language plpgsql $x$ begin null; end; $x$", "call p()")
	legal(t, "create function f() returns void begin atomic select 1; select 2; end",
		"create function f() returns void language plpgsql as 'begin; commit; end'")
	legal(t, "create rule r as on update to t do also (insert into a values (1); delete from b)")
}

func TestAStatementThatComesTooLateForTheTransactionIsRefused(t *testing.T) {
	t.Parallel()
	const message = "SET TRANSACTION comes too late"
	refused(t, message, "set transaction isolation level serializable", "SET LOCAL TRANSACTION isolation level repeatable read",
		"set session characteristics as transaction isolation level serializable")
	legal(t, "set constraints all deferred", "set constraints all immediate", `set "transaction" = 1`, "set transactions.x = 1")
}

func TestASettingThatReplacesTheTransactionsPropertiesIsRefused(t *testing.T) {
	t.Parallel()
	refused(t, "", "set transaction_isolation = serializable", "set local transaction_read_only = on")
	legal(t, "set local transaction_timeout = 0", "set default_transaction_isolation = serializable")
}

func TestAStatementThatChangesHowTheFileIsReadIsRefused(t *testing.T) {
	t.Parallel()
	refused(t, "changes the encoding in which the file is read", "set client_encoding = 'LATIN1'", "SET NAMES 'LATIN1'", "set local client_encoding to LATIN1",
		"set session Client_Encoding = latin1", `set "client_encoding" = 'SQL_ASCII'`, "reset client_encoding", "set client_encoding to default")
	refused(t, "changes how the quotes after it are read", "set standard_conforming_strings = off", "set local standard_conforming_strings to 'off'",
		"reset standard_conforming_strings", "set Standard_Conforming_Strings = false", "set standard_conforming_strings to default")
}

func TestASettingMayBeMade(t *testing.T) {
	t.Parallel()
	legal(t, "set search_path = app, public", "set local lock_timeout = '10s'", "set session statement_timeout to 0", "set role admin", "set local role none",
		"set session authorization default", "set time zone 'UTC'", "set local time zone local", "reset all", "reset role", "reset session authorization",
		"set my.names = 'x'", "select set_config('search_path', '', false)", "show client_encoding", "set xml option document",
		"alter role app set client_encoding = 'UTF8'", "alter database app set standard_conforming_strings = on")
}

// pg_dump begins every dump with these, and many histories begin with a dump.
func TestASettingThatChangesNothingAboutHowTheFileIsReadIsLegal(t *testing.T) {
	t.Parallel()
	legal(t, "set standard_conforming_strings = on", "SET client_encoding = 'UTF8'", "set client_encoding to utf8", "set names 'UTF8'")
}

func TestACopyFromTheClientIsRefused(t *testing.T) {
	t.Parallel()
	refused(t, "COPY … FROM STDIN", "copy t from stdin", "COPY public.t (a, b) FROM STDIN WITH (format csv)", `copy "from" from/**/StdIn`, "copy binary t from stdin",
		"copy t(a)from stdin delimiter ','", "copy t from stdin where a > 0", "copy stdin from stdin",
		"copy t from stdout") // means the same to the server: it would wait for rows for ever
}

func TestACopyThatTheServerDoesAloneIsLegal(t *testing.T) {
	t.Parallel()
	legal(t, "copy t from '/srv/rows.csv'", "copy t (a, b) from '/srv/rows.csv' csv", "copy t from program 'cat rows'", "copy t from 'stdin'",
		"copy t to '/srv/rows.csv'", "copy t to stdout", "copy t to stdin", "copy (select a from stdin) to stdout", "copy (select a from (select 1) x) to '/x'",
		"copy stdin from '/x'", `copy t from "stdin"`)
}
