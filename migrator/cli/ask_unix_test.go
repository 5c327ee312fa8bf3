//go:build unix

package cli_test

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/creack/pty"
	"github.com/stretchr/testify/require"

	"github.com/agent-shaker/agent-shaker/migrator/internal/testing/dbtest"
	"github.com/agent-shaker/agent-shaker/migrator/migratortest"
)

// answered runs the command on a terminal, types the answer when it asks, and returns what was shown and the exit code.
func answered(t *testing.T, env []string, answer string, args ...string) (shown string, code int) {
	t.Helper()
	program, err := os.Executable() // testscript.Main makes it the command when it is called so
	require.NoError(t, err)
	cmd := &exec.Cmd{Path: program, Args: append([]string{"migrator"}, args...), Env: append(append(os.Environ(), "TERM=xterm", "NO_COLOR=1", "MIGRATIONS_DIR="), env...)}
	terminal, err := pty.Start(cmd)
	require.NoError(t, err)
	var all bytes.Buffer
	typed := false
	for buffer := make([]byte, 4096); ; {
		n, err := terminal.Read(buffer)
		all.Write(buffer[:n])
		if !typed && bytes.Contains(all.Bytes(), []byte("[y/N] ")) {
			typed = true
			_, err := terminal.WriteString(answer)
			require.NoError(t, err)
		}
		if err != nil { // EIO when the program has ended
			break
		}
	}
	var exit *exec.ExitError
	if err := cmd.Wait(); errors.As(err, &exit) {
		code = exit.ExitCode()
	}
	require.True(t, typed, "it asks: %s", &all)
	return all.String(), code
}

func TestDownAsksOnATerminalAndDoesWhatIsAnswered(t *testing.T) {
	t.Parallel()
	dbtest.Slow(t)
	dir := t.TempDir()
	for name, text := range map[string]string{
		"001_a.sql": "create table a (id int);", "001_a.down.sql": "drop table a;",
		"002_b.sql": "create table b (id int);", "002_b.down.sql": "drop table b;",
	} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
	}
	env := []string{"DATABASE_URL=" + migratortest.Database(t)}
	onTerminal(t, env, "up", "--dir", dir)

	for _, no := range []string{"\n", "n\n", "yesterday\n", "\x04"} { // the last ends the input
		shown, code := answered(t, env, no, "down", "--dir", dir)
		require.Equal(t, 1, code, shown)
		require.Contains(t, shown, "error: nothing was done")
	}
	began := time.Now()
	shown, code := answered(t, env, "\x03", "down", "--dir", dir) // Ctrl-C
	require.Equal(t, 130, code, shown)
	require.Less(t, time.Since(began), 10*time.Second)
	require.Contains(t, onTerminal(t, env, "status", "--dir", dir), "2 applied, 0 pending")

	shown, code = answered(t, env, "y\n", "down", "2", "--dir", dir)
	require.Zero(t, code, shown)
	require.Regexp(t, `on database test_\w+ at \S+:\s+revert 002_b.sql\s+revert 001_a.sql\s+Do this\? \[y/N\] `, shown)
	require.Contains(t, shown, "Successfully reverted 2 migration(s)")
	require.Contains(t, onTerminal(t, env, "status", "--dir", dir), "0 applied, 2 pending")

	onTerminal(t, env, "up", "--dir", dir)
	shown, code = answered(t, env, "YES\n", "redo", "--dir", dir)
	require.Zero(t, code, shown)
	require.Contains(t, shown, "apply 002_b.sql")
}
