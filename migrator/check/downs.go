package check

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/agent-shaker/agent-shaker/migrator"
	"github.com/agent-shaker/agent-shaker/migrator/internal/cause"
)

// Options say how migrations are tried. The zero value is good for most.
type Options struct {
	// Config is that of the runs on the scratch database. The schema of Config.Table is made there: migrations find it
	// where they run for good.
	Config migrator.Config
	// Observe is told of each migration as soon as it has been tried.
	Observe func(Report)
}

// Downs tries each migration's down file on a database of its own, which it makes on the server and drops afterwards, also
// when it fails or the context ends. A down that is wrong does not spoil what comes after it: the database is made anew.
//
// The reports are one for each versioned migration, in order, also beside an error. The error says what has kept the rest
// from being tried: the server, the context, or an up file that fails at its first run. That a down is wrong is no error.
func Downs(ctx context.Context, server *pgx.ConnConfig, migrations []migrator.Migration, options Options) (reports []Report, err error) {
	if server == nil {
		return nil, errors.New("no connection configuration: pass the result of pgx.ParseConfig to Downs")
	}
	t := &trial{scratch: newScratch(server, options.Config), migrations: versioned(migrations)}
	defer func() {
		if dropErr := t.scratch.drop(ctx); dropErr != nil {
			err = errors.Join(err, dropErr)
		}
		err = cause.Add(ctx, err)
	}()
	if err := t.scratch.create(ctx); err != nil {
		return nil, err
	}
	for i := range t.migrations {
		report, err := t.try(ctx, i)
		if err != nil {
			return reports, err
		}
		reports = append(reports, report)
		if options.Observe != nil {
			options.Observe(report)
		}
	}
	return reports, nil
}

// versioned are the migrations that run once, in order.
func versioned(migrations []migrator.Migration) []migrator.Migration {
	migrations = slices.DeleteFunc(slices.Clone(migrations), func(m migrator.Migration) bool {
		return m.Version == "" || m.Version[0] < '0' || m.Version[0] > '9'
	})
	slices.SortStableFunc(migrations, func(a, b migrator.Migration) int { return a.Version.Compare(b.Version) })
	return migrations
}

// A trial goes through the migrations on one scratch database.
type trial struct {
	scratch    *scratch
	migrations []migrator.Migration
	now        catalog // after the migrations tried so far; nil: not read yet
	spoiled    bool    // a down was wrong: the database is to be made anew before anything else is tried
}

// try applies migration i, and reverts and applies it again where it has a down file.
func (t *trial) try(ctx context.Context, i int) (Report, error) {
	report := Report{Version: t.migrations[i].Version, Outcome: Irreversible}
	if err := t.rebuild(ctx, i); err != nil {
		return report, err
	}
	before := t.now
	t.now = nil
	if t.migrations[i].Down == nil {
		return report, t.run(ctx, i, migrator.Up())
	}
	report.Outcome = Reversible
	var err error
	if before == nil {
		if before, err = t.scratch.read(ctx); err != nil {
			return report, err
		}
	}
	if err := t.run(ctx, i, migrator.Up()); err != nil {
		return report, err
	}
	if t.now, err = t.scratch.read(ctx); err != nil {
		return report, err
	}
	err = t.repeat(ctx, i, migrator.Down(1), before, &report, StepDown)
	if err == nil && report.OK() {
		err = t.repeat(ctx, i, migrator.Up(), t.now, &report, StepUpAgain)
	}
	t.spoiled = !report.OK()
	return report, err
}

// repeat takes the database to where it has been before, and reports where the file fails or the catalog is another one.
func (t *trial) repeat(ctx context.Context, i int, target migrator.Target, want catalog, report *Report, step Step) error {
	if err := t.run(ctx, i, target); err != nil {
		if !ofFile(ctx, err) {
			return err
		}
		report.Outcome, report.Step, report.Err = Failed, step, err
		return nil
	}
	got, err := t.scratch.read(ctx)
	if err != nil {
		return err
	}
	if differences := compare(want, got); len(differences) > 0 {
		report.Outcome, report.Step, report.Differences = Wrong, step, differences
	}
	return nil
}

// rebuild makes a spoiled database anew, with the migrations before i.
func (t *trial) rebuild(ctx context.Context, i int) error {
	if !t.spoiled {
		return nil
	}
	t.spoiled = false
	err := t.scratch.drop(ctx)
	if err == nil {
		err = t.scratch.create(ctx)
	}
	if err == nil {
		err = t.run(ctx, i-1, migrator.Up())
	}
	if err != nil {
		return fmt.Errorf("make the scratch database anew after %s: %w", t.migrations[i-1].Version, err)
	}
	return nil
}

// run takes the database to a target with the migrations up to i alone, so that Up and Down(1) mean that one.
func (t *trial) run(ctx context.Context, i int, target migrator.Target) error {
	_, err := migrator.New(t.scratch.config(), t.migrations[:i+1], t.scratch.options).Run(ctx, target)
	return err
}

// ofFile reports whether an error is what the file has done, and not the server, the network or the end of the context.
func ofFile(ctx context.Context, err error) bool {
	if ctx.Err() != nil || errors.Is(err, migrator.ErrUnsettled) {
		return false
	}
	var failed *migrator.MigrationError
	var refused *migrator.FileError
	var history *migrator.HistoryError // the down has dropped the schema that it is in
	return errors.As(err, &failed) || errors.As(err, &refused) || errors.As(err, &history)
}
