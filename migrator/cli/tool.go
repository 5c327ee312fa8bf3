package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/joho/godotenv"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/agent-shaker/agent-shaker/migrator"
	"github.com/agent-shaker/agent-shaker/migrator/devpg"
)

// A tool is the command with its global flags.
type tool struct {
	files   fs.FS    // compiled in; nil for none
	words   []string // what the command is called by: "migrator", or "server" and "migrate"
	command *cobra.Command

	databaseURL, envFile, dir, table string
	json, verbose, noColor           bool
	timeout                          time.Duration
	dev                              bool
	devData                          string
	global                           *pflag.FlagSet // those above

	screen  *screen
	where   string // the database, for a person
	printed bool   // the error is in the JSON that was printed
}

// prepare runs before each command: what --env-file says must be known before a variable is looked at.
func (t *tool) prepare(cmd *cobra.Command, args []string) error {
	t.screen = newScreen(cmd.OutOrStdout(), cmd.ErrOrStderr(), t.noColor, t.verbose)
	if !cmd.Hidden { // cobra's own, which a shell asks to complete an empty word
		if err := judgeValues(t.global, cmd.LocalNonPersistentFlags(), args); err != nil {
			return err
		}
	}
	if t.envFile != "" {
		if err := readEnv(t.envFile); err != nil {
			return fmt.Errorf("read --env-file %s: %w", t.envFile, withoutContent(err))
		}
	}
	if t.devData != "" && !t.dev {
		return usagef("--dev-data goes with --dev")
	}
	if t.dev && t.databaseURL != "" {
		return usagef("--dev and --database-url name two databases")
	}
	return nil
}

// readEnv sets what a file says and nothing else has set: pgx looks for the PG* variables itself.
func readEnv(path string) error {
	variables, err := godotenv.Read(path)
	if err != nil {
		return err
	}
	for name, value := range variables {
		if os.Getenv(name) == "" {
			err = errors.Join(err, os.Setenv(name, value))
		}
	}
	return err
}

// withoutContent keeps what a file holds, passwords above all, out of an error about its form.
func withoutContent(err error) error {
	var path *fs.PathError
	if errors.As(err, &path) {
		return path.Err
	}
	return errors.New("a line is not of the form NAME=value")
}

// with does something with a migrator for the database and the files that flags and variables name.
func (t *tool) with(cmd *cobra.Command, config migrator.Config, do func(context.Context, *migrator.Migrator) error) error {
	migrations, err := t.migrations(cmd)
	if err != nil {
		return err
	}
	return t.withMigrations(cmd, config, migrations, do)
}

func (t *tool) withMigrations(cmd *cobra.Command, config migrator.Config, migrations []migrator.Migration, do func(context.Context, *migrator.Migrator) error) error {
	ctx, cancel := t.limit(cmd.Context())
	defer cancel()
	address, stop, err := t.database(ctx)
	if err != nil {
		return err
	}
	defer stop()
	conn, err := parse(address)
	if err != nil {
		return err
	}
	t.where = fmt.Sprintf("database %s at %s", conn.Database, strings.Join(hosts(conn), " or "))
	config.Table, config.Observe = t.table, t.screen.observe
	return t.withVersions(do(ctx, migrator.New(conn, migrations, config)), migrations)
}

// limit ends a context after --timeout.
func (t *tool) limit(ctx context.Context) (context.Context, context.CancelFunc) {
	if t.timeout <= 0 {
		return ctx, func() {}
	}
	return context.WithTimeoutCause(ctx, t.timeout, fmt.Errorf("gave up after --timeout %s: %w", t.timeout, context.DeadlineExceeded))
}

// database returns the connection string to use; "" is what the PG* variables say. No database is guessed: pgx alone
// would take localhost.
func (t *tool) database(ctx context.Context) (address string, stop func(), err error) {
	if t.dev {
		t.screen.note("starting a throwaway PostgreSQL")
		server, err := devpg.Start(ctx, devpg.Options{Data: t.devData, Log: t.screen.note})
		if err != nil {
			return "", nil, fmt.Errorf("--dev: %w", err)
		}
		return server.ConnString(), func() {
			if err := server.Stop(); err != nil {
				t.screen.warn("stop the throwaway PostgreSQL: %v", err)
			}
		}, nil
	}
	address = cmp.Or(t.databaseURL, os.Getenv("DATABASE_URL"))
	if address == "" && os.Getenv("PGHOST") == "" && os.Getenv("PGSERVICE") == "" && os.Getenv("PGDATABASE") == "" {
		return "", nil, usagef("no database: set DATABASE_URL (postgres://user:password@host:5432/name), or PGHOST and the other PG* variables, or --database-url; or use --dev for a throwaway one")
	}
	return address, func() {}, nil
}

func parse(address string) (*pgx.ConnConfig, error) {
	conn, err := migrator.ParseConfig(address)
	return conn, usage(err)
}

// hosts are those of which one is connected to.
func hosts(conn *pgx.ConnConfig) []string {
	names := []string{conn.Host}
	for _, fallback := range conn.Fallbacks {
		if !slices.Contains(names, fallback.Host) {
			names = append(names, fallback.Host)
		}
	}
	return names
}
