package pgproxy_test

import (
	"context"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"github.com/agent-shaker/agent-shaker/migrator/internal/testing/dbtest"
)

func TestEachWayToQueryCostsItsRoundTrips(t *testing.T) {
	t.Parallel()
	proxy, _ := start(t)
	for _, test := range []struct {
		name    string
		act     func(context.Context, *pgx.Conn) error
		flights []int // the first time, the second time
	}{
		{"a simple query", func(ctx context.Context, conn *pgx.Conn) error {
			return query(conn.PgConn(), "select 1")
		}, []int{1, 1}},
		{"several statements in a simple query", func(ctx context.Context, conn *pgx.Conn) error {
			return query(conn.PgConn(), "begin; insert into kept values (1); rollback")
		}, []int{1, 1}},
		{"a failed query", func(ctx context.Context, conn *pgx.Conn) error {
			require.Error(t, query(conn.PgConn(), "select 1/0"))
			return nil
		}, []int{1, 1}},
		{"arguments in the default mode, prepared once", func(ctx context.Context, conn *pgx.Conn) error {
			_, err := conn.Exec(ctx, "select $1::int", 1)
			return err
		}, []int{2, 1}},
		{"arguments in the exec mode", func(ctx context.Context, conn *pgx.Conn) error {
			_, err := conn.Exec(ctx, "select $1::int", pgx.QueryExecModeExec, 1)
			return err
		}, []int{1, 1}},
		{"a batch of statements to be prepared", func(ctx context.Context, conn *pgx.Conn) error {
			var batch pgx.Batch
			batch.Queue("select $1::int + 1", 1)
			batch.Queue("select $1::int + 2", 2)
			return conn.SendBatch(ctx, &batch).Close()
		}, []int{2, 1}},
		{"COPY to the client", func(ctx context.Context, conn *pgx.Conn) error {
			_, err := conn.PgConn().CopyTo(ctx, io.Discard, "copy kept to stdout")
			return err
		}, []int{1, 1}},
	} {
		conn := dbtest.Connect(t, proxy.URL())
		for _, flights := range test.flights {
			proxy.Reset()
			require.NoError(t, test.act(t.Context(), conn), test.name)
			require.Equal(t, flights, proxy.Flights().Queries, "%s: %v", test.name, proxy.Messages())
			require.Zero(t, proxy.Flights().Startup, test.name)
		}
	}
}

func TestAConnectionCountsItsStartupAndItsEndCostsNothing(t *testing.T) {
	t.Parallel()
	proxy, db := start(t)
	db.value("select 1")
	require.Zero(t, proxy.Flights(), "what goes past the proxy")
	conn := connect(t, proxy.URL())
	connected := proxy.Flights()
	require.Positive(t, connected.Startup)
	require.Zero(t, connected.Queries)

	require.NoError(t, query(conn, "select 1"))
	require.NoError(t, conn.Close(t.Context()))
	ended(t, proxy)
	require.Equal(t, 1, proxy.Flights().Queries)
	require.Equal(t, connected.Startup, proxy.Flights().Startup)
	require.Equal(t, []string{"Q select 1", "X"}, texts(proxy.Messages()))
}

func TestConnectionsAreCountedOneByOne(t *testing.T) {
	t.Parallel()
	proxy, _ := start(t)
	first, second := connect(t, proxy.URL()), connect(t, proxy.URL())
	proxy.Reset()
	var both sync.WaitGroup
	for i, conn := range []*pgconn.PgConn{first, second} {
		both.Go(func() {
			for range 100 * (i + 1) {
				if query(conn, "select 1") != nil {
					return
				}
			}
		})
	}
	both.Wait()
	count := proxy.Flights()
	require.Equal(t, 300, count.Queries)
	require.Len(t, count.Connections, 2)
	require.Equal(t, 1, count.Connections[0].Number)
	require.Equal(t, 100, count.Connections[0].Queries)
	require.Equal(t, 2, count.Connections[1].Number)
	require.Equal(t, 200, count.Connections[1].Queries)

	messages := proxy.Messages()
	require.Len(t, messages, 300)
	for i, m := range messages {
		require.Equal(t, i+1, m.Number)
	}
}

func TestACancelRequestReachesTheServerAndIsCountedApart(t *testing.T) {
	t.Parallel()
	proxy, _ := start(t)
	conn := connect(t, proxy.URL())
	proxy.Reset()
	result := make(chan error)
	go func() { result <- query(conn, "select pg_sleep(600)") }()
	require.Eventually(t, func() bool { return proxy.Flights().Queries == 1 }, time.Minute, time.Millisecond)
	var cancelled *pgconn.PgError
	for cancelled == nil {
		require.NoError(t, conn.CancelRequest(t.Context()))
		select {
		case err := <-result:
			require.ErrorAs(t, err, &cancelled)
		case <-time.After(time.Second): // the query had not begun
		}
	}
	require.Equal(t, "57014", cancelled.Code)
	count := proxy.Flights()
	require.Positive(t, count.Cancels)
	require.Zero(t, count.Startup)
	require.Equal(t, 1, count.Queries)
	require.Len(t, count.Connections, 1)
}

func TestMessagesSayExactlyWhatWasSent(t *testing.T) {
	t.Parallel()
	proxy, _ := start(t)
	conn := dbtest.Connect(t, proxy.URL())
	proxy.Reset()
	require.NoError(t, query(conn.PgConn(), "begin"))
	_, err := conn.Exec(t.Context(), "insert into kept values ($1)", 7)
	require.NoError(t, err)
	long := "select '" + strings.Repeat("x", 20_000) + "'"
	require.NoError(t, query(conn.PgConn(), long))
	require.Equal(t, []string{
		"Q begin", "P insert into kept values ($1)", "D", "S", "B", "D", "E", "S", "Q " + long[:16<<10],
	}, texts(proxy.Messages()))
	last := proxy.Messages()[8]
	require.Equal(t, 1+4+len(long)+1, last.Length)
	require.Equal(t, `1 conn 1 Q "begin"`, proxy.Messages()[0].String())
	require.Equal(t, "3 conn 1 D", proxy.Messages()[2].String())
}
