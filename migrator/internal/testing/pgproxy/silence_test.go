package pgproxy_test

import (
	"context"
	"fmt"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"github.com/agent-shaker/agent-shaker/migrator/internal/testing/pgproxy"
	"github.com/agent-shaker/agent-shaker/migrator/migratortest"
)

func TestAStalledProxyIsSilentButStaysConnected(t *testing.T) {
	t.Parallel()
	proxy, db := start(t)
	conn := connect(t, proxy.URL())
	proxy.Stall()
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	_, err := conn.Exec(ctx, "insert into kept values (1)").ReadAll()
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.Positive(t, proxy.Open())
	require.Equal(t, "0", db.kept())
	require.Equal(t, []string{"Q insert into kept values (1)"}, texts(proxy.Messages()), "it came, and was held back")

	ctx, cancel = context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	_, err = pgconn.Connect(ctx, proxy.URL())
	require.ErrorIs(t, err, context.DeadlineExceeded)
	proxy.CloseAll()
	ended(t, proxy)
	require.Equal(t, "0", db.kept())
}

func TestAStallHoldsTheAnswerBackToo(t *testing.T) {
	t.Parallel()
	proxy, db := start(t)
	conn := connect(t, proxy.URL())
	locked := connect(t, db.url)
	require.NoError(t, query(locked, "begin; lock table kept"))
	result := make(chan error, 1)
	go func() { result <- query(conn, "insert into kept values (1)") }()
	db.untilWaiting()

	proxy.Stall()
	require.NoError(t, query(locked, "commit"))
	db.until("1", "select count(*) from kept")
	select {
	case err := <-result:
		require.Fail(t, "the answer came through", "%v", err)
	case <-time.After(100 * time.Millisecond):
	}
	proxy.Resume()
	require.NoError(t, <-result)
}

func TestARefusingProxyIsAServerThatIsDown(t *testing.T) {
	t.Parallel()
	proxy, _ := start(t)
	url := proxy.URL()
	conn := connect(t, url)
	for range 3 {
		proxy.Refuse()
		_, err := pgconn.Connect(t.Context(), url)
		require.ErrorIs(t, err, syscall.ECONNREFUSED)
		require.NoError(t, query(conn, "select 1"), "connections stay")
		proxy.Accept()
		require.Equal(t, url, proxy.URL())
		require.NoError(t, query(connect(t, url), "select 1"))
	}
}

func TestAServerThatIsNotThereResetsTheClient(t *testing.T) {
	t.Parallel()
	nobody := pgproxy.Start(t, migratortest.Database(t))
	nobody.Refuse()
	proxy := pgproxy.Start(t, nobody.URL())
	_, err := pgconn.Connect(t.Context(), proxy.URL())
	require.ErrorIs(t, err, syscall.ECONNRESET)
	nobody.Accept()
	require.NoError(t, query(connect(t, proxy.URL()), "select 1"), "a proxy of a proxy")
}

func TestCloseAllBreaksAllConnections(t *testing.T) {
	t.Parallel()
	proxy, _ := start(t)
	conns := []*pgconn.PgConn{connect(t, proxy.URL()), connect(t, proxy.URL())}
	proxy.CloseAll()
	for _, conn := range conns {
		require.Error(t, query(conn, "select 1"))
	}
	ended(t, proxy)
	require.NoError(t, query(connect(t, proxy.URL()), "select 1"))
}

func TestAClientThatLeavesEndsItsSession(t *testing.T) {
	t.Parallel()
	proxy, db := start(t)
	conn := connect(t, proxy.URL())
	require.NoError(t, query(conn, "set application_name to 'leaver'"))
	raw, err := conn.Hijack()
	require.NoError(t, err)
	require.NoError(t, raw.Conn.Close())
	ended(t, proxy)
	db.until("0", "select count(*) from pg_stat_activity where application_name = 'leaver'")
}

func TestTheServersLastWordsReachTheClient(t *testing.T) {
	t.Parallel()
	proxy, db := start(t)
	conn := connect(t, proxy.URL())
	// The pid that counts is the session's, which a pooler in between would hide.
	results, err := conn.Exec(t.Context(), "select pg_backend_pid()").ReadAll()
	require.NoError(t, err)
	db.value(fmt.Sprintf("select pg_terminate_backend(%s)", results[0].Rows[0][0]))
	ended(t, proxy)
	var terminated *pgconn.PgError
	require.ErrorAs(t, query(conn, "select 1"), &terminated)
	require.Equal(t, "57P01", terminated.Code)
}

// Not parallel: it looks at all goroutines of the process.
func TestNothingIsLeftAfterClose(t *testing.T) {
	var proxies []*pgproxy.Proxy
	for range 3 {
		proxy, _ := start(t)
		proxies = append(proxies, proxy)
		idle, held := connect(t, proxy.URL()), connect(t, proxy.URL())
		require.NoError(t, query(idle, "select 1"))
		proxy.Cut(pgproxy.Cut{At: pgproxy.AfterForward, Match: pgproxy.Containing("pg_sleep")})
		require.Error(t, query(held, "select pg_sleep(2)"))
		stalled := connect(t, proxy.URL())
		proxy.Stall()
		result := make(chan error)
		go func() { result <- query(stalled, "select 1") }()
		require.Eventually(t, func() bool { return proxy.Flights().Queries == 3 }, time.Minute, time.Millisecond)
		proxy.Close()
		require.Zero(t, proxy.Open())
		require.Error(t, <-result)
	}
	stacks := make([]byte, 1<<20)
	stacks = stacks[:runtime.Stack(stacks, true)]
	for _, stack := range strings.Split(string(stacks), "\n\n") {
		if strings.Contains(stack, "pgproxy.(*") {
			require.Fail(t, "still running", stack)
		}
	}
	for _, proxy := range proxies {
		proxy.Close()
		proxy.Accept()
		_, err := pgconn.Connect(t.Context(), proxy.URL())
		require.ErrorIs(t, err, syscall.ECONNREFUSED)
	}
}
