//go:build unix

package cli_test

import (
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/creack/pty"
	"github.com/stretchr/testify/require"

	"github.com/agent-shaker/agent-shaker/migrator/migratortest"
)

// onTerminal runs the command as a process of its own whose output is a real terminal, and returns what that shows.
func onTerminal(t *testing.T, env []string, args ...string) string {
	t.Helper()
	program, err := os.Executable() // testscript.Main makes it the command when it is called so
	require.NoError(t, err)
	cmd := &exec.Cmd{Path: program, Args: append([]string{"migrator"}, args...), Env: append(os.Environ(), "TERM=xterm-256color", "NO_COLOR=", "CI=", "MIGRATIONS_DIR=")}
	cmd.Env = append(cmd.Env, env...)
	terminal, err := pty.Start(cmd)
	require.NoError(t, err)
	shown, _ := io.ReadAll(terminal) // Linux ends it with EIO when the program has ended
	require.NoError(t, cmd.Wait(), string(shown))
	return string(shown)
}

func TestATerminalGetsColumnsColoursAndProgress(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "001_slow.sql"), []byte("select pg_sleep(0.5);\n"), 0o600))
	env := []string{"DATABASE_URL=" + migratortest.Database(t)}

	shown := onTerminal(t, env, "up", "--dir", dir)
	require.Contains(t, shown, "[1/1] 001_slow.sql 0.")
	require.Contains(t, shown, "\x1b[2K", "the line of progress is erased")
	require.Contains(t, shown, "\x1b[32m✓\x1b[0m Applied 001_slow.sql")
	require.Contains(t, shown, "ms)", "how long it took")

	shown = onTerminal(t, env, "status", "--dir", dir)
	require.Contains(t, shown, "VERSION       STATE         APPLIED AT (UTC)")
	require.Contains(t, shown, "\x1b[32mapplied")
	require.NotContains(t, shown, "\t")

	for _, plain := range []string{
		onTerminal(t, env, "status", "--dir", dir, "--no-color"),
		onTerminal(t, append(env, "NO_COLOR=1"), "status", "--dir", dir),
	} {
		require.NotContains(t, plain, "\x1b[")
		require.Equal(t, 3, strings.Count(plain, "\n"), plain)
	}
}

func TestAReaderThatLeavesDoesNotEndARun(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, name := range []string{"001_a.sql", "002_b.sql", "003_c.sql"} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte("select pg_sleep(0.2);\n"), 0o600))
	}
	program, err := os.Executable()
	require.NoError(t, err)
	env := append(os.Environ(), "DATABASE_URL="+migratortest.Database(t))
	cmd := &exec.Cmd{Path: program, Args: []string{"migrator", "up", "--dir", dir}, Env: env}
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	_, err = out.Read(make([]byte, 1))
	require.NoError(t, err)
	require.NoError(t, out.Close())
	require.NoError(t, cmd.Wait())
	status := &exec.Cmd{Path: program, Args: []string{"migrator", "status", "--exit-code", "--dir", dir}, Env: env}
	require.NoError(t, status.Run(), "everything is applied")
}

func TestATerminalShowsNoTimeThatIsNotKnown(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for name, text := range map[string]string{"001_a.sql": "select 1;\n", "002_b.sql": "select 1;\n", "003_slow.sql": "select pg_sleep(0.6);\n"} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
	}
	shown := onTerminal(t, []string{"DATABASE_URL=" + migratortest.Database(t)}, "up", "--dir", dir)
	require.Contains(t, shown, "Applied 001_a.sql\r\n", "it was reported late, together with others")
	require.Contains(t, shown, "Applied 002_b.sql\r\n")
	require.Regexp(t, `Applied 003_slow.sql\S* \(\d`, shown)
}
