package pgproxy_test

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"github.com/agent-shaker/agent-shaker/migrator/internal/testing/pgproxy"
	"github.com/agent-shaker/agent-shaker/migrator/migratortest"
)

func TestLatencyIsAddedOncePerFlight(t *testing.T) {
	t.Parallel()
	const latency = 400 * time.Millisecond
	proxy, _ := start(t)
	conn := connect(t, proxy.URL())
	proxy.Latency(latency)
	for _, test := range []struct {
		name    string
		flights int
		act     func(ctx context.Context) error
	}{
		{"three simple queries", 3, func(ctx context.Context) error {
			for range 3 {
				if err := query(conn, "select 1"); err != nil {
					return err
				}
			}
			return nil
		}},
		{"a message of many segments", 1, func(ctx context.Context) error {
			return query(conn, "select '"+strings.Repeat("x", 5_000_000)+"'")
		}},
		{"a pipeline of many messages", 1, func(ctx context.Context) error {
			var batch pgconn.Batch
			for range 100 {
				batch.ExecParams("select 1", nil, nil, nil, nil)
			}
			_, err := conn.ExecBatch(ctx, &batch).ReadAll()
			return err
		}},
	} {
		proxy.Reset()
		began := time.Now()
		require.NoError(t, test.act(t.Context()), test.name)
		took := time.Since(began)
		require.Equal(t, test.flights, proxy.Flights().Queries, test.name)
		added := time.Duration(test.flights) * latency
		require.GreaterOrEqual(t, took, added, test.name)
		require.Less(t, took, added+10*time.Second, test.name)
	}
	proxy.Latency(0)
	began := time.Now()
	for range 10 {
		require.NoError(t, query(conn, "select 1"))
	}
	require.Less(t, time.Since(began), 10*latency)
}

func TestLatencyDoesNotMakeConnectionsWaitForOneAnother(t *testing.T) {
	t.Parallel()
	const latency = 2 * time.Second
	proxy, _ := start(t)
	conns := make([]*pgconn.PgConn, 10)
	for i := range conns {
		conns[i] = connect(t, proxy.URL())
	}
	proxy.Latency(latency)
	began := time.Now()
	var all sync.WaitGroup
	errs := make([]error, len(conns))
	for i, conn := range conns {
		all.Go(func() { errs[i] = query(conn, "select 1") })
	}
	all.Wait()
	for _, err := range errs {
		require.NoError(t, err)
	}
	require.Less(t, time.Since(began), 5*latency, "one after the other they take ten times the latency")
}

// A round trip past the proxy, through it, and with latency: what benchmarks have to know of their measuring device.
func BenchmarkRoundTrip(b *testing.B) {
	url := migratortest.Database(b)
	for _, way := range []struct {
		name    string
		direct  bool
		latency time.Duration
	}{
		{"direct", true, 0},
		{"proxy", false, 0},
		{"proxy/1ms", false, time.Millisecond},
		{"proxy/5ms", false, 5 * time.Millisecond},
	} {
		b.Run(way.name, func(b *testing.B) {
			proxy, address := pgproxy.Start(b, url), url
			if !way.direct {
				address = proxy.URL()
			}
			conn, err := pgconn.Connect(b.Context(), address)
			require.NoError(b, err)
			defer func() { _ = conn.Close(context.Background()) }()
			proxy.Latency(way.latency)
			for b.Loop() {
				require.NoError(b, query(conn, "select 1"))
			}
		})
	}
}
