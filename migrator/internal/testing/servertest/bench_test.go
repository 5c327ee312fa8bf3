package servertest

import (
	"context"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/agent-shaker/agent-shaker/migrator"
)

// The benchmarks alternate with a floor in the same run: the least that a program could send through pgx. x/floor is how
// many times as long the migrator takes, connecting included; the other metrics are milliseconds.

// tableFiles are n files that make a table each.
func tableFiles(n int) fstest.MapFS {
	fsys := fstest.MapFS{}
	for i := 1; i <= n; i++ {
		fsys[fmt.Sprintf("%05d_table.sql", i)] = &fstest.MapFile{Data: fmt.Appendf(nil,
			"create table t%d (id int primary key, name text not null);\ncreate index t%d_name on t%d (name);\n", i, i, i)}
	}
	return fsys
}

func BenchmarkFreshApply(b *testing.B) {
	for _, n := range []int{100, 1000} {
		b.Run(fmt.Sprintf("files=%d", n), func(b *testing.B) {
			var url string
			fsys := tableFiles(n)
			compare(b, func() {
				url = newDatabase(b)
			}, func(ctx context.Context) error {
				return floorApply(ctx, url, fsys)
			}, func(ctx context.Context) error {
				results, err := open(b, url, fsys, migrator.Config{}).Run(ctx, migrator.Up())
				require.Len(b, results, n)
				return err
			})
		})
	}
}

func BenchmarkNothingPending(b *testing.B) {
	for _, n := range []int{100, 1000} {
		b.Run(fmt.Sprintf("files=%d", n), func(b *testing.B) {
			url, fsys := newDatabase(b), tableFiles(n)
			_, err := open(b, url, fsys, migrator.Config{}).Run(b.Context(), migrator.Up())
			require.NoError(b, err)
			m := open(b, url, fsys, migrator.Config{})
			compare(b, func() {}, func(ctx context.Context) error {
				return floorRead(ctx, url)
			}, func(ctx context.Context) error {
				_, err := m.Run(ctx, migrator.Up())
				return err
			})
		})
	}
}

// compare times both ways alternately, so that what else the machine does meets both. reset makes a new database where one is
// filled: what a run leaves in the catalogs, dropped or not, would slow down the next.
func compare(b *testing.B, reset func(), floor, ours func(context.Context) error) {
	b.Helper()
	var times [2]time.Duration
	var allocated [2]uint64
	var before, after runtime.MemStats
	for b.Loop() {
		for i, run := range []func(context.Context) error{floor, ours} {
			b.StopTimer()
			reset()
			b.StartTimer()
			runtime.ReadMemStats(&before)
			began := time.Now()
			require.NoError(b, run(b.Context()))
			times[i] += time.Since(began)
			runtime.ReadMemStats(&after)
			allocated[i] += after.TotalAlloc - before.TotalAlloc
		}
	}
	milliseconds := func(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 / float64(b.N) }
	b.ReportMetric(milliseconds(times[0]), "floor-ms/op")
	b.ReportMetric(milliseconds(times[1]), "ours-ms/op")
	b.ReportMetric(float64(times[1])/float64(times[0]), "x/floor")
	b.ReportMetric(float64(allocated[1])/float64(allocated[0]), "x-bytes/floor")
	b.ReportMetric(0, "ns/op") // both together mean nothing
}

// floorApply reads the files, and sends one message a file with the history row in the same transaction.
func floorApply(ctx context.Context, url string, fsys fstest.MapFS) error {
	migrations, err := migrator.Load(fsys)
	if err != nil {
		return err
	}
	conn, err := floorConnect(ctx, url)
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	send := func(sql string) error {
		_, err := conn.Exec(ctx, sql).ReadAll()
		return err
	}
	if err := send("create table schema_migrations (version varchar(255) primary key, applied_at timestamp default now(), checksum varchar(64))"); err != nil {
		return err
	}
	for _, m := range migrations {
		err := send(fmt.Sprintf("begin; insert into schema_migrations (version, checksum) values ('%s', '%s'); %s; commit", m.Version, m.Checksum(), m.Up.SQL))
		if err != nil {
			return err
		}
	}
	return nil
}

// floorRead reads the history.
func floorRead(ctx context.Context, url string) error {
	conn, err := floorConnect(ctx, url)
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	_, err = conn.Exec(ctx, "select version, applied_at, checksum from schema_migrations").ReadAll()
	return err
}

// benchCases are what a process of BenchmarkProcess does.
var benchCases = map[string]func(ctx context.Context, url string, fsys fstest.MapFS) error{
	"floor applies": floorApply,
	"floor reads": func(ctx context.Context, url string, fsys fstest.MapFS) error {
		if _, err := migrator.Load(fsys); err != nil { // a program has its files, whatever it does with them
			return err
		}
		return floorRead(ctx, url)
	},
	"applies": func(ctx context.Context, url string, fsys fstest.MapFS) error {
		migrations, err := migrator.Load(fsys)
		if err != nil {
			return err
		}
		conn, err := pgx.ParseConfig(url)
		if err != nil {
			return err
		}
		_, err = migrator.New(conn, migrations, migrator.Config{}).Run(ctx, migrator.Up())
		return err
	},
}

// peakMemory is the most that this process has had in memory, in kilobytes; 0 where there is no /proc. What wait or getrusage
// tell of a process is at least what the one that has started it had.
func peakMemory() (kilobytes int64) {
	status, _ := os.ReadFile("/proc/self/status")
	_, peak, _ := strings.Cut(string(status), "VmHWM:")
	_, _ = fmt.Sscanf(peak, "%d", &kilobytes)
	return kilobytes
}

func floorConnect(ctx context.Context, url string) (*pgconn.PgConn, error) {
	config, err := pgx.ParseConfig(url)
	if err != nil {
		return nil, err
	}
	return pgconn.ConnectConfig(ctx, &config.Config)
}

// BenchmarkGrowth shows what a file, and a row of the history, costs a run that finds nothing to do. It is linear where
// us/file and us/row stay what they are.
func BenchmarkGrowth(b *testing.B) {
	for _, size := range []struct{ files, rows int }{{1000, 1000}, {5000, 5000}, {20_000, 20_000}, {1000, 20_000}, {1000, 100_000}} {
		b.Run(fmt.Sprintf("files=%d/rows=%d", size.files, size.rows), func(b *testing.B) {
			url, fsys := newDatabase(b), fstest.MapFS{}
			for i := 1; i <= size.files; i++ {
				fsys[fmt.Sprintf("%06d_x.sql", i)] = &fstest.MapFile{Data: []byte("select 1;\n")}
			}
			_, err := open(b, url, fstest.MapFS{}, migrator.Config{}).Run(b.Context(), migrator.Up())
			require.NoError(b, err)
			execute(b, url, fmt.Sprintf("insert into schema_migrations (version) select pg_catalog.lpad(i::text, 6, '0') || '_x.sql' from generate_series(1, %d) i", size.rows))
			execute(b, url, "vacuum analyze schema_migrations")
			for b.Loop() {
				results, err := open(b, url, fsys, migrator.Config{}).Run(b.Context(), migrator.Up())
				require.NoError(b, err)
				require.Empty(b, results)
			}
			perOp := float64(b.Elapsed().Microseconds()) / float64(b.N)
			b.ReportMetric(perOp/float64(size.files), "us/file")
			b.ReportMetric(perOp/float64(size.rows), "us/row")
		})
	}
}

// BenchmarkPlan lays out and prints the script of an empty database, file by file.
func BenchmarkPlan(b *testing.B) {
	for _, n := range []int{1000, 5000, 20_000} {
		b.Run(fmt.Sprintf("files=%d", n), func(b *testing.B) {
			m := open(b, newDatabase(b), tableFiles(n), migrator.Config{})
			for b.Loop() {
				plan, err := m.Plan(b.Context(), migrator.Up())
				require.NoError(b, err)
				_, err = plan.WriteTo(io.Discard)
				require.NoError(b, err)
			}
			b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N)/float64(n), "us/file")
		})
	}
}

// BenchmarkTwentyAtOnce compares twenty runs at once in one program with one alone.
func BenchmarkTwentyAtOnce(b *testing.B) {
	var url string
	fsys := tableFiles(100)
	run := func(n int) func(context.Context) error {
		return func(ctx context.Context) error {
			group, ctx := errgroup.WithContext(ctx)
			for range n {
				m := open(b, url, fsys, migrator.Config{})
				group.Go(func() error {
					_, err := m.Run(ctx, migrator.Up())
					return err
				})
			}
			return group.Wait()
		}
	}
	compare(b, func() { url = newDatabase(b) }, run(1), run(20))
}
