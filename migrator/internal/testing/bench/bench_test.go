package bench

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/agent-shaker/agent-shaker/migrator/internal/testing/pgproxy"
	"github.com/agent-shaker/agent-shaker/migrator/migratortest"
)

func TestMain(m *testing.M) { os.Exit(migratortest.Main(m)) }

func BenchmarkFreshApply(b *testing.B) {
	for _, n := range []int{100, 1000} {
		b.Run(fmt.Sprintf("files=%d", n), func(b *testing.B) {
			var url string
			compare(b, n, func() { url = migratortest.Database(b) }, func(ctx context.Context, t tool, files fs.FS) error { return t.up(ctx, url, files) })
		})
	}
}

func BenchmarkNothingPending(b *testing.B) {
	for _, n := range []int{100, 1000} {
		b.Run(fmt.Sprintf("files=%d", n), func(b *testing.B) {
			urls := map[string]string{}
			for _, t := range tools {
				urls[t.name] = migratortest.Database(b)
				require.NoError(b, t.up(b.Context(), urls[t.name], t.files(n)), t.name)
			}
			compare(b, n, func() {}, func(ctx context.Context, t tool, files fs.FS) error { return t.up(ctx, urls[t.name], files) })
		})
	}
}

// BenchmarkFiveMillisecondsAway also counts the flights: how often a tool waits for an answer, with the start-up of its
// connections.
func BenchmarkFiveMillisecondsAway(b *testing.B) {
	for _, what := range []string{"pending", "nothing pending"} {
		b.Run(what, func(b *testing.B) {
			const n = 100
			flights := map[string]int{}
			proxies := map[string]*pgproxy.Proxy{}
			for _, t := range tools {
				url := migratortest.Database(b)
				if what != "pending" {
					require.NoError(b, t.up(b.Context(), url, t.files(n)), t.name)
				}
				proxies[t.name] = pgproxy.Start(b, url)
				proxies[t.name].Latency(5 * time.Millisecond)
			}
			compare(b, n, func() {}, func(ctx context.Context, t tool, files fs.FS) error {
				proxy := proxies[t.name]
				if what == "pending" {
					proxy = pgproxy.Start(b, migratortest.Database(b))
					proxy.Latency(5 * time.Millisecond)
				}
				proxy.Reset()
				err := t.up(ctx, proxy.URL(), files)
				flights[t.name] = proxy.Flights().Startup + proxy.Flights().Queries
				return err
			})
			for _, t := range tools {
				b.ReportMetric(float64(flights[t.name]), t.name+"-flights")
			}
		})
	}
}

// BenchmarkTwentyAtOnce starts twenty runs at once in one program. Some tools fail in some of them, which is counted.
func BenchmarkTwentyAtOnce(b *testing.B) {
	var url string
	failed := map[string]int{}
	compare(b, 100, func() { url = migratortest.Database(b) }, func(ctx context.Context, t tool, files fs.FS) error {
		runs := 20
		if t.name == "floor" { // which knows of no other
			runs = 1
		}
		var group errgroup.Group
		errs := make([]error, runs)
		for i := range runs {
			group.Go(func() error {
				errs[i] = t.up(ctx, url, files)
				return nil
			})
		}
		_ = group.Wait()
		for _, err := range errs {
			if err != nil {
				failed[t.name]++
			}
		}
		return nil
	})
	for _, t := range tools[1:] {
		b.ReportMetric(float64(failed[t.name])/float64(b.N), t.name+"-failed")
	}
}

// compare runs all tools in turn, b.N a multiple of their number at best. What reset does is not timed: it makes a new
// database where one is filled, since what a tool leaves in the catalogs, dropped or not, would slow down the next.
func compare(b *testing.B, n int, reset func(), run func(context.Context, tool, fs.FS) error) {
	b.Helper()
	files := map[string]fs.FS{}
	for _, t := range tools {
		files[t.name] = t.files(n)
	}
	took := map[string]time.Duration{}
	for round := 0; b.Loop(); round++ {
		for i := range tools {
			t := tools[turn(round, i, len(tools))]
			reset()
			began := time.Now()
			require.NoError(b, run(b.Context(), t, files[t.name]), t.name)
			took[t.name] += time.Since(began)
		}
	}
	floor := took[tools[0].name]
	b.ReportMetric(float64(floor.Microseconds())/1000/float64(b.N), "floor-ms")
	for _, t := range tools[1:] {
		b.ReportMetric(float64(took[t.name])/float64(floor), t.name+"-x/floor")
	}
	b.ReportMetric(0, "ns/op") // all together mean nothing
}

// turn is whose turn it is, of n. In n rounds, an even number, each one comes after each other one equally often (a Williams
// square): a disk that could rest during a slow tool is quick for the next.
func turn(round, i, n int) int {
	offset := (i + 1) / 2
	if i%2 == 0 {
		offset = n - offset
	}
	return (round + offset) % n
}

func TestEachToolComesAfterEachOther(t *testing.T) {
	n := len(tools)
	after := map[[2]int]int{}
	for round := range n {
		for i := 1; i < n; i++ {
			after[[2]int{turn(round, i-1, n), turn(round, i, n)}]++
		}
	}
	for a := range n {
		for b := range n {
			if a != b {
				require.Equal(t, 1, after[[2]int{a, b}], "%d after %d", b, a)
			}
		}
	}
}
