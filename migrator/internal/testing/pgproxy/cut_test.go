package pgproxy_test

import (
	"context"
	"io"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"
	"github.com/stretchr/testify/require"

	"github.com/agent-shaker/agent-shaker/migrator/internal/testing/dbtest"
	"github.com/agent-shaker/agent-shaker/migrator/internal/testing/pgproxy"
)

// slowCommit is answered in parts, with the commit between them.
const slowCommit = "do $$ begin raise notice 'soon'; perform pg_sleep(0.2); end $$; commit"

func TestACutLosesTheAnswerAndTheServerHasTheMessageOrNot(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name string
		at   pgproxy.Moment
		kept string
	}{
		{"before the message is forwarded", pgproxy.BeforeForward, "0"},
		{"after the message was forwarded", pgproxy.AfterForward, "1"},
		{"after the answer", pgproxy.AfterAnswer, "1"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			proxy, db := start(t)
			conn := connect(t, proxy.URL())
			require.NoError(t, query(conn, "begin; insert into kept values (1)"))
			proxy.Cut(pgproxy.Cut{At: test.at, Match: pgproxy.Containing("commit")})

			// PgConn.Exec says this of a connection that was lost while it waited, too.
			require.ErrorIs(t, query(conn, slowCommit), pgconn.ErrConnClosed)
			require.Equal(t, 1, proxy.Cuts())
			if test.at != pgproxy.AfterAnswer { // then the server has answered already
				ended(t, proxy)
			}
			require.Equal(t, test.kept, db.kept())
			require.Equal(t, []string{"Q begin; insert into kept values (1)", "Q " + slowCommit}, texts(proxy.Messages())[:2])
			require.NoError(t, query(connect(t, proxy.URL()), "commit"), "one cut is made once")
		})
	}
}

func TestACutAtANoticeLeavesTheClientWhatCameBeforeIt(t *testing.T) {
	t.Parallel()
	const noisy = `do $$ begin raise notice 'one'; end $$; insert into kept values (1); do $$ begin raise notice 'two'; perform pg_sleep(0.2); end $$; insert into kept values (2)`
	for _, test := range []struct {
		notices, cuts int
		heard         []string
		kept          string
	}{
		{0, 1, nil, "2"}, // 1 by default; the server goes on
		{1, 1, nil, "2"},
		{2, 1, []string{"one"}, "2"},
		{3, 0, []string{"one", "two"}, "2"},
	} {
		proxy, db := start(t)
		config, err := pgx.ParseConfig(proxy.URL())
		require.NoError(t, err)
		var heard []string
		config.OnNotice = func(_ *pgconn.PgConn, n *pgconn.Notice) { heard = append(heard, n.Message) }
		conn, err := pgconn.ConnectConfig(t.Context(), &config.Config)
		require.NoError(t, err)
		proxy.Cut(pgproxy.Cut{At: pgproxy.AtNotice, Notices: test.notices, Match: pgproxy.Containing("one")})
		err = query(conn, noisy)
		require.Equal(t, test.cuts, proxy.Cuts())
		require.Equal(t, test.cuts == 1, err != nil)
		require.Equal(t, test.heard, heard)
		_ = conn.Close(t.Context())
		ended(t, proxy)
		require.Equal(t, test.kept, db.kept())
	}
}

func TestACutStatementRunsToItsEndThoughTheClientTriesToCancelIt(t *testing.T) {
	t.Parallel()
	proxy, db := start(t)
	conn := connect(t, proxy.URL())
	lock := connect(t, db.url)
	require.NoError(t, query(lock, "begin; lock table kept"))
	proxy.Cut(pgproxy.Cut{At: pgproxy.AfterForward, Match: pgproxy.Containing("insert")})
	require.Error(t, query(conn, `insert into kept values (1);
		do $$ begin for i in 1..5 loop raise notice 'to nobody'; perform pg_sleep(0.1); end loop; end $$`))
	<-conn.CleanupDone()
	require.Equal(t, 1, proxy.Flights().Cancels, "pgconn cancels what it has lost")

	db.untilWaiting()
	require.NoError(t, conn.CancelRequest(t.Context()), "again, where it would certainly hit")
	require.NoError(t, query(lock, "commit"))
	ended(t, proxy)
	require.Equal(t, "1", db.kept())
}

func TestACutInAPipelineComesAtTheChosenMessage(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name string
		kind byte
		at   pgproxy.Moment
		kept string
	}{
		{"Execute without its Sync is rolled back", 'E', pgproxy.AfterForward, "0"},
		{"Sync is not there yet", 'S', pgproxy.BeforeForward, "0"},
		{"Sync commits", 'S', pgproxy.AfterForward, "1"},
		{"the rest of the flight is forwarded for the answer", 'B', pgproxy.AfterAnswer, "1"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			proxy, db := start(t)
			conn := dbtest.Connect(t, proxy.URL())
			proxy.Cut(pgproxy.Cut{At: test.at, Match: func(m pgproxy.Message) bool { return m.Type == test.kind }})
			_, err := conn.Exec(t.Context(), "insert into kept values ($1)", pgx.QueryExecModeExec, 1)
			require.Error(t, err)
			ended(t, proxy)
			require.Equal(t, test.kept, db.kept())
		})
	}
}

// The shape of a crash test: break at the first message, the second, and so on, until a run ends undisturbed.
func TestALoopOverAllMessagesEnds(t *testing.T) {
	t.Parallel()
	proxy, db := start(t)
	run := func() error {
		config, err := pgx.ParseConfig(proxy.URL())
		if err != nil {
			return err
		}
		conn, err := pgx.ConnectConfig(context.Background(), config)
		if err != nil {
			return err
		}
		defer func() { _ = conn.Close(context.Background()) }()
		return pgx.BeginFunc(context.Background(), conn, func(tx pgx.Tx) error {
			_, err := tx.Exec(context.Background(), "insert into kept select $1 where not exists (select from kept)", 1)
			return err
		})
	}
	for _, at := range []pgproxy.Moment{pgproxy.BeforeForward, pgproxy.AfterForward, pgproxy.AfterAnswer} {
		for k := 1; ; k++ {
			require.LessOrEqual(t, k, 11)
			db.value("truncate kept")
			proxy.Reset()
			proxy.Cut(pgproxy.Cut{At: at, Match: pgproxy.Nth(k)})
			cut := run()
			ended(t, proxy)
			after := db.kept()
			if proxy.Cuts() == 0 {
				require.NoError(t, cut)
				require.Equal(t, "1", after)
				require.Equal(t, 11, k, "begin, Parse, Describe, Sync, Bind, Describe, Execute, Sync, commit, Terminate: %v", proxy.Messages())
				break
			}
			if k < 10 {
				require.Error(t, cut, "cut %d at %d", at, k)
			}
			switch {
			case k == 10, k == 9 && at != pgproxy.BeforeForward:
				require.Equal(t, "1", after, "cut %d at %d", at, k)
			default:
				require.Equal(t, "0", after, "cut %d at %d", at, k)
			}
			require.NoError(t, run(), "run again")
			ended(t, proxy)
			require.Equal(t, "1", db.kept())
		}
	}
}

func TestAKillEndsTheWholeClient(t *testing.T) {
	t.Parallel()
	proxy, db := start(t)
	holder, worker := connect(t, proxy.URL()), connect(t, proxy.URL())
	require.NoError(t, query(holder, "begin; select pg_advisory_xact_lock(1)"))
	proxy.Cut(pgproxy.Cut{At: pgproxy.AfterForward, Match: pgproxy.Containing("insert"), Kill: true})
	require.Error(t, query(worker, "insert into kept values (1)"))
	require.Error(t, query(holder, "select 1"))
	_, err := pgconn.Connect(t.Context(), proxy.URL())
	require.ErrorIs(t, err, syscall.ECONNREFUSED)

	ended(t, proxy)
	require.Equal(t, "1", db.kept())
	require.Equal(t, "t", db.value("select pg_try_advisory_lock(1)"), "the holder's session has ended")
	proxy.Accept()
	require.NoError(t, query(connect(t, proxy.URL()), "select 1"))
}

func TestTheClientSeesTheEndOfTheStreamOrARST(t *testing.T) {
	t.Parallel()
	for _, rst := range []bool{false, true} {
		for _, at := range []pgproxy.Moment{pgproxy.BeforeForward, pgproxy.AfterForward, pgproxy.AfterAnswer} {
			proxy, _ := start(t)
			conn, err := connect(t, proxy.URL()).Hijack()
			require.NoError(t, err)
			proxy.Cut(pgproxy.Cut{At: at, RST: rst})
			conn.Frontend.Send(&pgproto3.Query{String: "select repeat('long', 100000), pg_sleep(0.1)"})
			require.NoError(t, conn.Frontend.Flush())
			n, err := conn.Conn.Read(make([]byte, 1))
			require.Zero(t, n)
			if rst {
				require.ErrorIs(t, err, syscall.ECONNRESET)
			} else {
				require.ErrorIs(t, err, io.EOF)
			}
			require.NoError(t, conn.Conn.Close())
		}
	}
}

func TestACutHappensAsOftenAsItSays(t *testing.T) {
	t.Parallel()
	proxy, _ := start(t)
	proxy.Cut(pgproxy.Cut{Match: pgproxy.Containing("select"), Times: 3})
	for range 3 {
		require.Error(t, query(connect(t, proxy.URL()), "select 1"))
	}
	require.NoError(t, query(connect(t, proxy.URL()), "select 1"))
	require.Equal(t, 3, proxy.Cuts())
}

func TestResetTakesCutsBack(t *testing.T) {
	t.Parallel()
	proxy, _ := start(t)
	conn := connect(t, proxy.URL())
	proxy.Cut(pgproxy.Cut{})
	proxy.Reset()
	require.NoError(t, query(conn, "select 1"))
	require.Zero(t, proxy.Cuts())
}

func TestAMatchMayStallAtAMessage(t *testing.T) {
	t.Parallel()
	proxy, db := start(t)
	conn := connect(t, proxy.URL())
	require.NoError(t, query(conn, "begin; insert into kept values (1)"))
	stalled := make(chan struct{})
	proxy.Cut(pgproxy.Cut{Match: func(m pgproxy.Message) bool {
		if m.SQL == "commit" {
			proxy.Stall()
			close(stalled)
		}
		return false
	}})
	result := make(chan error)
	go func() { result <- query(conn, "commit") }()
	<-stalled
	time.Sleep(50 * time.Millisecond)
	require.Equal(t, "0", db.kept())
	proxy.Resume()
	require.NoError(t, <-result)
	require.Equal(t, "1", db.kept())
	require.Zero(t, proxy.Cuts())
}
