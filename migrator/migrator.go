package migrator

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/agent-shaker/agent-shaker/migrator/internal/cause"
	"github.com/agent-shaker/agent-shaker/migrator/internal/history"
	"github.com/agent-shaker/agent-shaker/migrator/internal/script"
	"github.com/agent-shaker/agent-shaker/migrator/internal/sqlfile"
)

// Config configures a Migrator. The zero value suits most programs: the zero of each field means its default.
type Config struct {
	// Table is the history table, as "name" or "schema.name". Its case is kept. Default: schema_migrations in the current schema
	// of the connection.
	Table string
	// WaitFor is how long Run waits while another run holds the run lock. Then it returns a *LockedError. Default: as long as
	// the context allows. Below 0 it does not wait.
	WaitFor time.Duration
	// LockTimeout bounds the lock waits of one file. It limits each single wait in a transaction. It also limits the sum of the
	// waits during which other sessions queue behind a lock that the file holds or waits for. At the limit the file is rolled
	// back and tried again. LockTimeout should exceed the server's deadlock_timeout (1s unless configured): only after that does
	// the server cancel an autovacuum that is in the way. The header of a file can set its own limit (lock-timeout=10s).
	// Default: 1.5s. It is 596h at most. Below 0 there is no limit.
	LockTimeout time.Duration
	// RetryFor is how long Run retries a file that did not get its locks. The pauses grow. Default: 5m. Below 0 it does not
	// retry.
	RetryFor time.Duration
	// ReconnectFor is how long Run waits for a server that is lost or not up yet. Default: 1m. Below 0 it does not wait.
	ReconnectFor time.Duration
	// StrictOrder refuses pending migrations that are older than the newest applied one, as after a merge of two branches. By
	// default Run applies them and emits a warning.
	StrictOrder bool
	// AllowUnrelated applies pending files even if the history has rows and none of them matches a file by name or checksum.
	// That is so when services share one history, or when files replace older ones. By default Run returns an *UnrelatedError.
	AllowUnrelated bool
	// AllowOtherTools applies files even if nothing is recorded yet and another tool, such as golang-migrate or Flyway, has
	// recorded applied migrations in a table in the schema of the history or on the search_path. By default Run returns a
	// *HistoryError.
	AllowOtherTools bool
	// OneByOne sends each statement in a message of its own, still in the file's transaction. Citus needs that, and Run does it
	// there without this option.
	OneByOne bool
	// BeforeConnect may change the configuration of each connection before it is dialled, for example to renew a token. An error
	// ends the attempt to connect. It may run at the same time as Observe. Default: none.
	BeforeConnect func(context.Context, *pgx.ConnConfig) error
	// Observe receives the events of a run, one at a time. It should return quickly, because the run waits for it. Default:
	// none.
	Observe func(Event)
}

func (c Config) withDefaults() Config {
	c.LockTimeout = min(cmp.Or(c.LockTimeout, 1500*time.Millisecond), MaxLockTimeout)
	c.RetryFor = cmp.Or(c.RetryFor, 5*time.Minute)
	c.ReconnectFor = cmp.Or(c.ReconnectFor, time.Minute)
	if c.Observe == nil {
		c.Observe = func(Event) {}
	}
	return c
}

// A Migrator applies migrations to one database. Each call dials its own connections and closes them. Several goroutines may use
// it at once.
type Migrator struct {
	conn       *pgx.ConnConfig
	migrations []Migration
	options    Config

	silentAfter time.Duration // pgsession.Options.SilentAfter
}

// New returns a Migrator for the database that conn describes (from pgx.ParseConfig, or a pool's Config().ConnConfig) and for
// migrations that Load has returned. It does not connect. The first call reports errors in the configuration.
func New(conn *pgx.ConnConfig, migrations []Migration, config Config) *Migrator {
	migrations = slices.Clone(migrations)
	slices.SortStableFunc(migrations, func(a, b Migration) int { return a.Version.Compare(b.Version) })
	return &Migrator{conn: conn, migrations: migrations, options: config.withDefaults()}
}

// Plan returns what Run would do now. It takes no lock and writes nothing.
func (m *Migrator) Plan(ctx context.Context, target Target) (*Plan, error) {
	h, err := m.look(ctx, !target.records())
	if err != nil {
		return nil, err
	}
	return m.plan(h, target, newWriter(h), &reviewer{})
}

// Status returns what the files and the history say of each version, in order. It takes no lock and writes nothing.
func (m *Migrator) Status(ctx context.Context) ([]Status, error) {
	h, err := m.look(ctx, false)
	if err != nil {
		return nil, err
	}
	return m.compare(h), nil
}

// Verify compares the files with the history. It returns a *MismatchError that names each version on which they disagree: one
// that was changed, renamed or removed since it was applied, one that is newer than all files, one that is pending below an
// applied version, or one that is unfinished. Other pending versions are not a mismatch. Verify takes no lock and writes
// nothing.
func (m *Migrator) Verify(ctx context.Context) error {
	statuses, err := m.Status(ctx)
	if err != nil {
		return err
	}
	mismatch := slices.DeleteFunc(statuses, func(s Status) bool { return !s.mismatched() })
	if len(mismatch) > 0 {
		return &MismatchError{Mismatches: mismatch}
	}
	return nil
}

func (m *Migrator) compare(h *history.History) []Status {
	return markUnfinished(compare(m.migrations, h.Records), h.Progress, m.migrations)
}

// Run takes the schema to the target and returns what it did. All results are committed, also if Run returns an error. It plans
// while it holds the run lock, so any number of runs may start at once: one does the work, and the others find nothing left to
// do. If nothing is pending, Run costs one round trip and takes no lock.
//
// If the context ends, Run cancels the statement on the server. The error then says what the database contains, and errors.Is
// matches both the context's error and its cause. Of files that were sent together, the server may still apply those that end
// before the cancel arrives.
func (m *Migrator) Run(ctx context.Context, target Target) ([]Result, error) {
	if err := m.check(); err != nil {
		return nil, err
	}
	r := newRun(m, target)
	defer r.close()
	err := cause.Add(ctx, r.all(ctx))
	return r.results, err
}

// look reads the history on its own connection. If around is set, it also looks for other histories that may record these files.
func (m *Migrator) look(ctx context.Context, around bool) (h *history.History, err error) {
	if err := m.check(); err != nil {
		return nil, err
	}
	defer func() { err = cause.Add(ctx, err) }()
	s, err := m.dial(ctx, "", "status", true)
	if err != nil {
		return nil, err
	}
	defer s.Close()
	h, err = readHistory(ctx, s, m.table(), m.migrations)
	if err == nil && h.Server.Citus {
		err = refuseWorker(ctx, s, h)
	}
	if err == nil && around {
		err = survey(ctx, s, h, m.migrations, !m.options.AllowOtherTools)
	}
	return h, err
}

// newWriter returns a writer for the server and the table of a history.
func newWriter(h *history.History) script.Writer {
	return script.Writer{
		Table: h.Table, Major: h.Server.Major(), CheckInterval: h.Server.ChecksClients(),
		Pooled: h.Server.Pooled, Citus: h.Server.Citus, Superuser: h.Server.Superuser, Exposed: h.Server.Exposed(h.Table),
	}
}

// plan is the pure half of Plan and Run: it turns files and history into steps.
func (m *Migrator) plan(h *history.History, target Target, s script.Writer, reviews *reviewer) (*Plan, error) {
	statuses := m.compare(h)
	if target.records() {
		changes, err := chooseChanges(statuses, target)
		if err != nil || len(changes) == 0 {
			return &Plan{Target: target}, err
		}
		return &Plan{Target: target, Changes: changes, steps: slices.Values(append(firstSteps(s, h, target), compileChanges(s, target, changes)))}, nil
	}
	moves, warnings, err := choose(m.migrations, statuses, target, m.options.StrictOrder)
	var disordered *OrderError
	if len(moves) > 0 || errors.As(err, &disordered) || target.first() == DirectionDown {
		err = cmp.Or(m.validatePlace(h, target), err)
	}
	if err != nil {
		return nil, err
	}
	if len(moves) > 0 {
		warnings = append(warnings, m.placeWarnings(h)...)
	}
	return m.script(h, target, moves, warnings, s, reviews)
}

// script reviews the files of the moves and lays out their steps.
func (m *Migrator) script(h *history.History, target Target, moves []Move, warnings []string, s script.Writer, reviews *reviewer) (*Plan, error) {
	files := make([]*sqlfile.File, len(moves))
	reviews.expect(len(moves))
	var problems []error
	for i := range moves {
		file, err := reviews.review(moves[i].script())
		if err != nil {
			problems = append(problems, err)
			continue
		}
		if err := m.validateFile(h, moves, i, file); err != nil {
			problems = append(problems, err)
		}
		if p := progressFor(h, moves, i); p != nil && p.Started != "" {
			warnings = append(warnings, progressWarning(p, moves[i].script().Path))
		}
		files[i] = file
		warnings = append(warnings, warningsOf(moves[i].script(), file)...)
	}
	if len(problems) > 0 {
		return nil, errors.Join(problems...)
	}
	if err := m.refusePublished(h, moves, files); err != nil {
		return nil, err
	}
	if warning := mayLose(h, moves); warning != "" {
		warnings = append(warnings, warning)
	}
	return &Plan{Target: target, Moves: moves, Warnings: warnings, steps: m.compile(s, h, target, moves, files)}, nil
}

// validateFile refuses a valid file that cannot run on this connection, or that does not continue what has run of it so far.
func (m *Migrator) validateFile(h *history.History, moves []Move, i int, file *sqlfile.File) error {
	p := progressFor(h, moves, i)
	if p != nil {
		if err := validateProgress(p, &moves[i], file); err != nil {
			return err
		}
	} else if err := m.refuseRenamed(h, &moves[i], file); err != nil {
		return err
	} else if version := moves[i].Migration.Version; moves[i].Direction == DirectionUp && h.Row(string(version)) == nil {
		if err := refuseDown(version, m.migrations); err != nil {
			return err
		}
	}
	if (file.Separate != nil || p != nil) && h.Server.Pooled {
		return &FileError{
			Path: moves[i].script().Path, Message: "runs without a transaction, which takes a direct connection, but this one goes through a pooler",
			Hint: "run migrations with a connection string that leads to PostgreSQL itself; files in a transaction may go through the pooler",
		}
	}
	return nil
}

func (m *Migrator) check() error {
	if m.conn == nil {
		return errors.New("no connection configuration: pass the result of pgx.ParseConfig to New")
	}
	_, err := history.ParseTable(m.options.Table)
	return err
}

func (m *Migrator) table() history.Table {
	t, _ := history.ParseTable(m.options.Table) // check has reported its error
	return t
}
