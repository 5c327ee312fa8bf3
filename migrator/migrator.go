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

// Config says how a Migrator works. The zero value is good for most: of each field it is the default.
type Config struct {
	// Table is the history table, "name" or "schema.name", taken as it is written. Default: schema_migrations in the
	// connection's current schema.
	Table string
	// WaitFor is how long another run's lock is waited for; then Run returns a *LockedError. Default, and 0: as long as the
	// context allows; below 0 not at all.
	WaitFor time.Duration
	// LockTimeout is how long the statements of one file may wait, in all, while others queue behind a lock that it holds or
	// waits for; no single wait in a transaction is longer. Then the file is rolled back and tried again. It should exceed the server's deadlock_timeout (1s unless
	// configured), or an autovacuum in the way is never told to go. A file's header may set its own
	// (lock-timeout=10s). Default, and 0: 1.5s, at most 596h; below 0 there is no limit.
	LockTimeout time.Duration
	// RetryFor is how long a file that got no lock is tried again, with growing pauses. Default, and 0: 5m; below 0 not at all.
	RetryFor time.Duration
	// ReconnectFor is how long a server that is lost, or not there yet, is waited for. Default, and 0: 1m; below 0 not at all.
	ReconnectFor time.Duration
	// StrictOrder refuses migrations that are pending below the newest applied one. By default they are applied with a
	// warning: two branches were merged.
	StrictOrder bool
	// AllowUnrelated applies what is pending also where the history has rows and none of them is among the files, by name or
	// checksum: services that share one history, or files that replace older ones. By default that is an *UnrelatedError.
	AllowUnrelated bool
	// AllowOtherTools applies files also where nothing is recorded yet, and a table in the history's schema or on the search_path
	// is the history of another tool, such as golang-migrate or Flyway, that has applied migrations. By default that is a
	// *HistoryError.
	AllowOtherTools bool
	// OneByOne sends each statement in a message of its own, still in the file's transaction. Citus needs it, and there
	// it is found out without this.
	OneByOne bool
	// BeforeConnect may change the configuration of each connection before it is dialled: for tokens that expire. It may be
	// called while Observe is.
	BeforeConnect func(context.Context, *pgx.ConnConfig) error
	// Observe is told what happens, one event at a time. It should return quickly: the run waits for it.
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

// A Migrator applies migrations to one database. It dials connections of its own for each call and closes them again; it
// may be used by several goroutines at once.
type Migrator struct {
	conn       *pgx.ConnConfig
	migrations []Migration
	options    Config

	silentAfter time.Duration // pgsession.Options.SilentAfter
}

// New returns a Migrator for the database that conn describes (from pgx.ParseConfig, or a pool's Config().ConnConfig)
// and for migrations as Load returns them. It dials nothing yet; what is wrong with the configuration is reported by
// the first call.
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

// Status returns what files and history say of each version, in order. It takes no lock and writes nothing.
func (m *Migrator) Status(ctx context.Context) ([]Status, error) {
	h, err := m.look(ctx, false)
	if err != nil {
		return nil, err
	}
	return m.compare(h), nil
}

// Verify compares files and history, and returns a *MismatchError that names each version on which they disagree: one that was
// changed, renamed or removed since it was applied, that is newer than all files, pending below an applied one, or not
// finished. What is merely pending is no disagreement. It takes no lock and writes nothing.
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

// compare sets the files against a history.
func (m *Migrator) compare(h *history.History) []Status {
	return markUnfinished(compare(m.migrations, h.Records), h.Progress, m.migrations)
}

// Run takes the schema to the target and returns what it did, also beside an error: what is in the results is
// committed. It plans under the run lock, so that any number of runs may start at once: one does the work, the others
// find nothing left to do. When nothing is pending it costs one round trip and takes no lock.
//
// Cancelling the context cancels the statement on the server; the error then says what the database contains, and is, to
// errors.Is, the context's error and its cause. Of files that
// were sent together, those that are done before the server learns of it are applied.
func (m *Migrator) Run(ctx context.Context, target Target) ([]Result, error) {
	if err := m.check(); err != nil {
		return nil, err
	}
	r := newRun(m, target)
	defer r.close()
	err := cause.Add(ctx, r.all(ctx))
	return r.results, err
}

// look reads the history on a connection of its own; around: and what else may have been applied.
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

// newWriter lays out operations for the server of a history.
func newWriter(h *history.History) script.Writer {
	return script.Writer{
		Table: h.Table, Major: h.Server.Major(), CheckInterval: h.Server.ChecksClients(),
		Pooled: h.Server.Pooled, Citus: h.Server.Citus, Superuser: h.Server.Superuser, Exposed: h.Server.Exposed(h.Table),
	}
}

// plan is the pure half of Plan and Run: files and history in, steps out.
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

// script reviews the files of moves and lays out their steps.
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

// validateFile refuses a file that is fine in itself, but not on this connection, or not after what has run of it.
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
	t, _ := history.ParseTable(m.options.Table) // check has seen its error
	return t
}
