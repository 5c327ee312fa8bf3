package migratortest

import (
	"context"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	agentshaker "github.com/agent-shaker/agent-shaker"
	"github.com/agent-shaker/agent-shaker/migrator"
)

// BenchmarkNew tells what a migrated database costs, in comparison with the least that it could and with migrating one.
// They take turns, since a machine is not equally fast all the time.
func BenchmarkNew(b *testing.B) {
	w := warm(b)
	var clone, bare, fresh time.Duration
	for b.Loop() {
		b.StopTimer()
		bare += w.bare(b)
		fresh += w.fresh(b)
		b.StartTimer()
		clone += w.clone(b)
	}
	b.ReportMetric(float64(clone)/float64(b.N)/float64(time.Millisecond), "ms/clone")
	b.ReportMetric(float64(clone)/float64(bare), "x-bare")
	b.ReportMetric(float64(fresh)/float64(clone), "times-faster-than-migrating")
}

// BenchmarkBareTemplate is CREATE DATABASE … TEMPLATE on a connection that is open, and connecting.
func BenchmarkBareTemplate(b *testing.B) {
	w := warm(b)
	var took time.Duration
	for b.Loop() {
		took += w.bare(b)
	}
	b.ReportMetric(float64(took)/float64(b.N)/float64(time.Millisecond), "ms/clone")
}

// BenchmarkFreshMigration is an empty database, to which every file is applied, and connecting.
func BenchmarkFreshMigration(b *testing.B) {
	w := warm(b)
	var took time.Duration
	for b.Loop() {
		took += w.fresh(b)
	}
	b.ReportMetric(float64(took)/float64(b.N)/float64(time.Millisecond), "ms/clone")
}

func BenchmarkDatabase(b *testing.B) {
	for b.Loop() {
		scoped(b, func(tb testing.TB) { Database(tb) })
	}
}

// workshop makes databases in three ways, and tells how long each took until one was connected to it.
type workshop struct {
	maintenance *pgx.Conn
	template    string
	files       []migrator.Migration
}

func warm(b *testing.B) *workshop {
	b.Helper()
	files, err := migrator.Load(agentshaker.Migrations())
	require.NoError(b, err)
	w := &workshop{files: files}
	scoped(b, func(tb testing.TB) { New(tb, agentshaker.Migrations()) })
	w.maintenance, err = pgx.Connect(b.Context(), serverURL(b))
	require.NoError(b, err)
	b.Cleanup(func() { _ = w.maintenance.Close(context.Background()) })
	w.template, err = shared.server.template(b.Context(), files)
	require.NoError(b, err)
	return w
}

func (w *workshop) clone(b *testing.B) (took time.Duration) {
	b.Helper()
	scoped(b, func(tb testing.TB) {
		begin := time.Now()
		New(tb, agentshaker.Migrations())
		took = time.Since(begin)
	})
	return took
}

func (w *workshop) bare(b *testing.B) time.Duration {
	b.Helper()
	return w.timed(b, w.template, func(string) {})
}

func (w *workshop) fresh(b *testing.B) time.Duration {
	b.Helper()
	return w.timed(b, "template0", func(name string) { require.NoError(b, shared.server.migrate(b.Context(), name, w.files)) })
}

func (w *workshop) timed(b *testing.B, template string, fill func(name string)) time.Duration {
	b.Helper()
	name := "bench_" + unique()
	clause, err := shared.server.copying.of(b.Context(), shared.server)
	require.NoError(b, err)
	begin := time.Now()
	_, err = w.maintenance.Exec(b.Context(), "create database "+name+" template "+template+clause)
	require.NoError(b, err)
	fill(name)
	conn, err := pgx.Connect(b.Context(), shared.server.database(name))
	require.NoError(b, err)
	took := time.Since(begin)
	require.NoError(b, conn.Close(b.Context()))
	_, err = w.maintenance.Exec(b.Context(), "drop database "+name+" with (force)")
	require.NoError(b, err)
	return took
}

// scoped ends what a test has made before the benchmark ends.
func scoped(b *testing.B, f func(testing.TB)) {
	b.Helper()
	s := &scope{TB: b}
	f(s)
	for i := len(s.cleanups) - 1; i >= 0; i-- {
		s.cleanups[i]()
	}
}

type scope struct {
	testing.TB
	cleanups []func()
}

func (s *scope) Cleanup(f func()) { s.cleanups = append(s.cleanups, f) }
