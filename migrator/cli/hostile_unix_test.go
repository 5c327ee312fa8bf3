//go:build unix

package cli_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"unicode"

	"github.com/stretchr/testify/require"

	"github.com/agent-shaker/agent-shaker/migrator/internal/testing/dbtest"
	"github.com/agent-shaker/agent-shaker/migrator/migratortest"
)

// shownOf runs the command and returns all that it prints. Nothing of that may control a terminal.
func shownOf(t *testing.T, url string, args ...string) string {
	t.Helper()
	program, err := os.Executable() // testscript.Main makes it the command when it is called so
	require.NoError(t, err)
	cmd := &exec.Cmd{Path: program, Args: append([]string{"migrator"}, args...), Env: append(os.Environ(), "DATABASE_URL="+url)}
	var shown strings.Builder
	cmd.Stdout, cmd.Stderr = &shown, &shown
	_ = cmd.Run() // what it prints is looked at
	requireHarmless(t, shown.String(), args...)
	return shown.String()
}

func requireHarmless(t *testing.T, shown string, args ...string) {
	t.Helper()
	for _, r := range shown {
		require.False(t, r != '\n' && r != '\t' && (unicode.IsControl(r) || unicode.Is(unicode.Cf, r)), "%v shows %q in:\n%q", args, r, shown)
	}
	for line := range strings.Lines(shown) {
		require.NotRegexp(t, "^(error|STATE|HINT|HELD BY|✓ Applied|warning): forged", line, "%v: %s", args, shown)
	}
}

const hostile = "\x1b[2J\u202e\nerror: forged\nSTATE: forged\nHINT: forged\n✓ Applied: forged\nwarning: forged\nHELD BY: forged\r\a\u200b"

func TestWhatTheServerSaysDoesNotControlTheTerminal(t *testing.T) {
	t.Parallel()
	url, dir := migratortest.Database(t), t.TempDir()
	conn := dbtest.Connect(t, url)
	_, err := conn.Exec(t.Context(), "create table said (text text)")
	require.NoError(t, err)
	_, err = conn.Exec(t.Context(), "insert into said values ($1)", hostile)
	require.NoError(t, err)
	const says = "declare s text := (select text from said);\nbegin\n"
	for name, text := range map[string]string{
		"001_notice.sql": "do $$ " + says + "raise notice '%', s; raise warning '%', s; end $$;\n",
		"002_error.sql":  "/* \u202e\x1b */ do $$ " + says + "raise exception using message = s, detail = s, hint = s; end $$;\n",
	} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
	}
	shown := shownOf(t, url, "up", "--verbose", "--dir", dir)
	require.Contains(t, shown, "001_notice.sql: NOTICE: \\x1b[2J\\u202e\n    error: forged\n")
	require.Contains(t, shown, "001_notice.sql: WARNING: \\x1b[2J")
	require.Contains(t, shown, "error: 002_error.sql:1:10: \\x1b[2J\\u202e\n    error: forged\n    STATE: forged")
	require.Contains(t, shown, "DETAIL: \\x1b[2J")
	require.Contains(t, shown, "\nSTATE: rolled back; nothing of this file was applied\n")
	require.Contains(t, shown, "  1 | /* \ufffd\ufffd */ do $$", "the caret stays in its place")
}

func TestNamesAndRowsOfOthersDoNotControlTheTerminal(t *testing.T) {
	t.Parallel()
	dbtest.Slow(t)
	url, dir := migratortest.Database(t), t.TempDir()
	for name, text := range map[string]string{"001_a.sql": "select 1;\n", "notes_\x1b]0;x\a\u202elqs.sql": ""} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
	}
	shown := shownOf(t, url, "up", "--dir", dir)
	require.Contains(t, shown, `\x1b]0;x\a\u202elqs.sql`)
	_, err := dbtest.Connect(t, url).Exec(t.Context(), "insert into schema_migrations (version, checksum) values ($1, 'x'), ($2, 'x')", "000"+hostile, "999"+hostile)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "002_b.sql"), []byte("select 2;\n"), 0o600))
	for _, args := range [][]string{{"status"}, {"verify"}, {"plan"}, {"up", "--dry-run"}, {"down", "--yes"}, {"up", "--strict-order"}, {"up"}, {"up", "--to", "9" + hostile}, {"mark", "pending", "999" + hostile}} {
		shown = shownOf(t, url, append(args, "--dir", dir)...)
		require.NotEmpty(t, shown, args)
	}
	require.Contains(t, shown, `Recorded 999\x1b[2J\u202e\nerror: forged`)
}

func TestAQueryOfAnotherSessionDoesNotControlTheTerminal(t *testing.T) {
	t.Parallel()
	dbtest.Slow(t)
	url, dir := migratortest.Database(t), t.TempDir()
	conn := dbtest.Connect(t, url)
	for _, sql := range []string{"create table a ()", "begin", "lock table a /* " + hostile + " */"} {
		_, err := conn.Exec(t.Context(), sql)
		require.NoError(t, err)
	}
	require.NoError(t, os.WriteFile(filepath.Join(dir, "001_alter.sql"), []byte("alter table a add x int;\n"), 0o600))
	shown := shownOf(t, url, "up", "--dir", dir, "--lock-timeout", "500ms", "--retry-for", "1s")
	require.Contains(t, shown, `BLOCKED BY: pid`)
	require.Contains(t, shown, `lock table a /* \x1b[2J\u202e error: forged`)
}

func TestAScriptThatIsShownOnATerminalDoesNotControlIt(t *testing.T) {
	t.Parallel()
	url, dir := migratortest.Database(t), t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "001_a.sql"), []byte("select '\x1b[2J\u202e';\n"), 0o600))
	shown := onTerminal(t, []string{"DATABASE_URL=" + url, "NO_COLOR=1"}, "up", "--dry-run", "--dir", dir)
	require.Contains(t, shown, `select '\x1b[2J\u202e';`)
	requireHarmless(t, strings.ReplaceAll(shown, "\r\n", "\n"))
	program, err := os.Executable()
	require.NoError(t, err)
	piped, err := (&exec.Cmd{Path: program, Args: []string{"migrator", "up", "--dry-run", "--dir", dir}, Env: append(os.Environ(), "DATABASE_URL="+url)}).Output()
	require.NoError(t, err)
	require.Contains(t, string(piped), "select '\x1b[2J\u202e';", "psql runs the file as it is")
}
