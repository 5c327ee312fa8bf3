// Command server is Agent Shaker's server, as far as its database goes: it listens, applies the migrations that are
// compiled into it, and is ready. A server never serves on a schema that it does not know: when a migration fails the
// process ends. `server migrate` is the migrator's command over the same migrations.
//
// Its package is one file, so that `go run cmd/server/main.go` works too; other code goes into packages below internal.
package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"slices"
	"syscall"

	"github.com/spf13/cobra"

	agentshaker "github.com/agent-shaker/agent-shaker"
	"github.com/agent-shaker/agent-shaker/cmd/server/internal/web"
	"github.com/agent-shaker/agent-shaker/migrator"
	"github.com/agent-shaker/agent-shaker/migrator/cli"
	"github.com/agent-shaker/agent-shaker/migrator/devpg"
)

func main() {
	if isMigrate(os.Args[1:]) {
		os.Exit(cli.Main(agentshaker.Migrations(), cli.Name("server migrate")))
	}
	os.Exit(run(untilSignal(), os.Args[1:], os.Getenv, os.Stdout, os.Stderr))
}

// untilSignal returns a context that the first SIGINT or SIGTERM ends. The second one ends the process, whatever it waits for.
func untilSignal() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go func() {
		<-signals
		cancel()
		if second := <-signals; second == syscall.SIGTERM {
			os.Exit(cli.ExitTerminated)
		}
		os.Exit(cli.ExitInterrupt)
	}()
	return ctx
}

// isMigrate reports whether the arguments are those of `server migrate`, or of a shell that completes them.
func isMigrate(args []string) bool {
	return len(args) > 0 && slices.Contains([]string{"migrate", cobra.ShellCompRequestCmd, cobra.ShellCompNoDescRequestCmd}, args[0])
}

// options are what the command line says.
type options struct {
	dev        bool
	devData    string
	allowEmpty bool
	config     migrator.Config
}

// parse reads the command line; where there is nothing to serve, code is the exit code.
func parse(args []string, errs io.Writer) (o options, code int, ok bool) {
	flags := flag.NewFlagSet("server", flag.ContinueOnError)
	flags.SetOutput(errs)
	flags.Usage = func() {
		fmt.Fprintln(errs, "usage: server [FLAGS]\n       server migrate …     (see server migrate --help)\n\nenvironment: DATABASE_URL or PGHOST and the other PG* variables; MIGRATIONS_DIR; ADDR (default :8080)")
		flags.PrintDefaults()
	}
	flags.BoolVar(&o.dev, "dev", false, "use a throwaway PostgreSQL, started for this run")
	flags.StringVar(&o.devData, "dev-data", "", "with --dev: keep the data in this `directory` between runs")
	flags.BoolVar(&o.allowEmpty, "allow-empty", false, "serve although MIGRATIONS_DIR holds no migrations, or only those of another tool")
	flags.BoolVar(&o.config.AllowUnrelated, "allow-unrelated", false, "apply files also where the history records others and none of them")
	flags.BoolVar(&o.config.AllowOtherTools, "allow-other-tools", false, "apply files also where nothing is recorded yet and another tool has applied migrations")
	flags.StringVar(&o.config.Table, "table", "", "history `table`, name or schema.name (default schema_migrations in the current schema)")
	err := flags.Parse(args)
	kept, unset := false, false // a directory or a table was given, if only by a variable that is not set
	flags.Visit(func(f *flag.Flag) {
		kept = kept || f.Name == "dev-data"
		unset = unset || (f.Name == "table" && o.config.Table == "")
	})
	switch {
	case errors.Is(err, flag.ErrHelp):
		return o, 0, false
	case flags.Arg(0) == "help":
		flags.Usage()
		return o, 0, false
	case err != nil:
		return o, 2, false
	case flags.NArg() > 0 || unset || (kept && (o.devData == "" || !o.dev)):
		flags.Usage()
		return o, 2, false
	}
	return o, 0, true
}

// run is the server: 0 after a shutdown that was asked for, 1 when it failed, 2 when it was called wrongly.
func run(ctx context.Context, args []string, getenv func(string) string, logs, errs io.Writer) int {
	options, code, ok := parse(args, errs)
	if !ok {
		return code
	}
	log := slog.New(slog.NewTextHandler(logs, nil))
	s := &server{options: options, log: log, getenv: getenv, site: web.New(log)}
	err := s.serve(ctx)
	if errors.Is(err, context.Canceled) && ctx.Err() != nil {
		s.log.Info("Server stopped", "while", s.site.Status())
		return 0
	}
	s.log.Error("Server failed")
	fmt.Fprintln(errs, cli.Printable(err.Error())) // of several lines: the place has its line and a caret
	return 1
}

type server struct {
	options
	log    *slog.Logger
	getenv func(string) string
	site   *web.Server
}

// serve listens first, so that a health check finds the process alive while it migrates.
func (s *server) serve(ctx context.Context) error {
	listener, err := net.Listen("tcp", cmp.Or(s.getenv("ADDR"), ":8080"))
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		cancel(s.site.Serve(ctx, listener))
	}()
	s.log.Info("Listening", "addr", listener.Addr().String())
	defer func() {
		cancel(nil)
		<-ended
	}()

	database := s.getenv("DATABASE_URL")
	if s.dev {
		pg, err := devpg.Start(ctx, devpg.Options{Data: s.devData, Log: func(format string, args ...any) { s.log.Info(fmt.Sprintf(format, args...)) }})
		if err != nil {
			return fmt.Errorf("--dev: %w", err)
		}
		defer func() { _ = pg.Stop() }()
		s.log.Info("Started a throwaway PostgreSQL", "version", pg.Version())
		database = pg.ConnString()
	}
	if err := s.migrate(ctx, database); err != nil {
		return err
	}
	s.site.Ready()
	s.log.Info("Server is ready")
	<-ctx.Done()
	return context.Cause(ctx)
}

// migrate applies what is pending. A database that is not up yet is waited for, as long as Config.ReconnectFor says.
func (s *server) migrate(ctx context.Context, database string) error {
	if database == "" && s.getenv("PGHOST") == "" && s.getenv("PGSERVICE") == "" && s.getenv("PGDATABASE") == "" {
		return errors.New("no database: set DATABASE_URL (postgres://user:password@host:5432/name), or PGHOST and the other PG* variables; or use --dev for a throwaway one")
	}
	conn, err := migrator.ParseConfig(database)
	if err != nil {
		return err
	}
	directory := s.getenv("MIGRATIONS_DIR")
	files, err := agentshaker.Source(directory)
	if err != nil {
		return err
	}
	s.log.Info("Running database migrations...", "source", cmp.Or(directory, "embedded"))
	migrations, err := s.load(files)
	if err != nil {
		return err
	}
	logEvent := migrator.LogTo(s.log)
	config := s.config
	config.Observe = func(e migrator.Event) {
		logEvent(e)
		if e.Kind != migrator.EventNotice && e.Kind != migrator.EventWarning { // they are for the log: anybody may ask /readyz
			s.site.Doing(e.String())
		}
	}
	m := migrator.New(conn, migrations, config)
	s.site.Migrations(ctx, m.Status)
	_, err = m.Run(ctx, migrator.Up())
	return err
}

func (s *server) load(files fs.FS) ([]migrator.Migration, error) {
	skipped, err := migrator.Skipped(files)
	if err != nil {
		return nil, err
	}
	for _, name := range skipped {
		s.log.Warn("Skipping non-migration file: " + name)
	}
	migrations, err := migrator.Load(files)
	switch {
	case !errors.Is(err, migrator.ErrNoMigrations):
		return migrations, err
	case s.allowEmpty:
		s.log.Warn(err.Error())
		return migrations, nil
	}
	return nil, fmt.Errorf("%s: %w; or serve without them: --allow-empty", cmp.Or(s.getenv("MIGRATIONS_DIR"), "embedded"), err)
}
