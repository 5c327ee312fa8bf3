package cli_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/rogpeppe/go-internal/testscript"
	"github.com/spf13/cobra"
	"github.com/stretchr/testify/require"

	agentshaker "github.com/agent-shaker/agent-shaker"
	"github.com/agent-shaker/agent-shaker/migrator/cli"
	"github.com/agent-shaker/agent-shaker/migrator/internal/testing/dbtest"
	"github.com/agent-shaker/agent-shaker/migrator/migratortest"
)

// program lets testscript run the tests in a way that stops the test server afterwards.
type program struct{ *testing.M }

func (p program) Run() int { return migratortest.Main(p.M) }

func TestMain(m *testing.M) {
	testscript.Main(program{m}, map[string]func(){
		"migrator": func() { os.Exit(cli.Main(nil)) },
		"server":   func() { os.Exit(cli.Main(agentshaker.Migrations(), cli.Name("server migrate"))) },
		"sql":      func() { os.Exit(sql(os.Args[1:])) },
	})
}

// TestScripts runs testdata/*.txtar, which are the manual of the command: the first word of a name is the subcommand.
// `migrator` is the program for the files of a directory; `server migrate` has Agent Shaker's compiled in, whose directory is
// $AGENTSHAKER. Each script has a database of its own in DATABASE_URL. `sql STATEMENT…` runs SQL there and prints rows with | between the
// fields; `exits CODE COMMAND…` wants that exit code.
func TestScripts(t *testing.T) {
	t.Parallel()
	dbtest.Slow(t)
	runScripts(t, "testdata")
}

// TestAYear runs the steps of the year that README walks through.
func TestAYear(t *testing.T) {
	t.Parallel()
	runScripts(t, "testdata/year")
}

func runScripts(t *testing.T, dir string) {
	t.Helper()
	agentShaker, err := filepath.Abs(filepath.Join("..", "..", "migrations"))
	require.NoError(t, err)
	testscript.Run(t, testscript.Params{
		Dir:                dir,
		RequireUniqueNames: true,
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"dotenv": writeDotenv,
			"exits":  exits,
		},
		Setup: func(env *testscript.Env) error {
			env.Setenv("DATABASE_URL", migratortest.Database(t))
			env.Setenv("HOME", env.WorkDir)
			env.Setenv("AGENTSHAKER", agentShaker)
			env.Setenv("DATA", filepath.Join(openDir(t), "data"))
			for _, name := range []string{"MIGRATIONS_DIR", "PGHOST", "PGDATABASE", "PGSERVICE", "PGUSER", "PGPASSWORD", "PGPORT"} {
				env.Setenv(name, "")
			}
			return nil
		},
	})
}

// writeDotenv is `dotenv FILE`: a file of variables that names the script's database.
func writeDotenv(ts *testscript.TestScript, _ bool, args []string) {
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte("# the database\nexport DATABASE_URL=\""+ts.Getenv("URL")+"\"\n"), 0o600))
}

// exits is `exits CODE COMMAND…`.
func exits(ts *testscript.TestScript, _ bool, args []string) {
	code := 0
	var exit *exec.ExitError
	if err := ts.Exec(args[1], args[2:]...); errors.As(err, &exit) {
		code = exit.ExitCode()
	} else {
		ts.Check(err)
	}
	if fmt.Sprint(code) != args[0] {
		ts.Fatalf("exit code %d, want %s", code, args[0])
	}
}

func sql(statements []string) int {
	ctx := context.Background()
	conn, err := pgx.Connect(ctx, os.Getenv("DATABASE_URL"))
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer conn.Close(ctx)
	results, err := conn.PgConn().Exec(ctx, strings.Join(statements, ";")).ReadAll()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	for _, result := range results {
		for _, row := range result.Rows {
			fmt.Println(string(bytes.Join(row, []byte("|"))))
		}
	}
	return 0
}

// openDir is a temporary directory that other users may enter: the server of a root that tests is one.
func openDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "open")
	require.NoError(t, err)
	require.NoError(t, os.Chmod(dir, 0o755))
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(dir)) })
	return dir
}

func TestEveryCommandHasHelpWithExamples(t *testing.T) {
	t.Parallel()
	commands := 0
	var look func(command *cobra.Command)
	look = func(command *cobra.Command) {
		for _, sub := range command.Commands() {
			look(sub)
		}
		if command.Name() == "migrator" || command.Name() == "help" || !command.IsAvailableCommand() {
			return
		}
		commands++
		require.NotEmpty(t, command.Short, command.Name())
		require.Contains(t, command.Example, "migrator ", command.Name())
	}
	look(cli.Command(nil))
	require.Greater(t, commands, 13)
}
