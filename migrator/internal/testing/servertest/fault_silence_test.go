package servertest

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/agent-shaker/agent-shaker/migrator"
	"github.com/agent-shaker/agent-shaker/migrator/internal/hook"
	"github.com/agent-shaker/agent-shaker/migrator/internal/testing/pgproxy"
)

// silentAfter sets how long an answer is waited for before the server is asked whether it is still there.
func silentAfter(m *migrator.Migrator, d time.Duration) *migrator.Migrator {
	hook.SilentAfter(m, d)
	return m
}

// TestAServerThatFallsSilentDoesNotHangTheRun: TCP goes on as if nothing was, and the run ends by itself.
func TestAServerThatFallsSilentDoesNotHangTheRun(t *testing.T) {
	t.Parallel()
	for _, mode := range modes {
		config := mode.config
		config.ReconnectFor = time.Second
		silentAtEach(t, config, func(m *migrator.Migrator) error {
			_, err := silentAfter(m, 300*time.Millisecond).Run(context.Background(), migrator.Up())
			return err
		}, func(err error) {
			require.Regexp(t, "^(001_ledger.sql|002_file.sql|the database stayed away for )", err.Error(), mode.name)
		})
	}
}

// TestARunThatIsCancelledWhileItsServerIsSilentEnds: it has asked the server to cancel, and waits for no more than some seconds.
func TestARunThatIsCancelledWhileItsServerIsSilentEnds(t *testing.T) {
	t.Parallel()
	why := errors.New("the machine goes down")
	silentAtEach(t, migrator.Config{}, func(m *migrator.Migrator) error {
		ctx, cancel := context.WithCancelCause(context.Background())
		time.AfterFunc(2*time.Second, func() { cancel(why) })
		_, err := m.Run(ctx, migrator.Up())
		return err
	}, func(err error) { require.ErrorIs(t, err, why) })
}

// silentAtEach lets the server fall silent at each message of a run, on a database for each: the run ends within a minute, and
// the next one sets everything right. What went wrong is judged.
func silentAtEach(t *testing.T, config migrator.Config, run func(*migrator.Migrator) error, judge func(error)) {
	t.Helper()
	urls := make([]string, undisturbed(t, config))
	errs := make([]error, len(urls))
	var all sync.WaitGroup // at once: they mostly wait
	began := time.Now()
	for i := range urls {
		urls[i] = newDatabase(t)
		proxy := pgproxy.Start(t, urls[i])
		stallAt(proxy, i+1)
		m := open(t, proxy.URL()+"&connect_timeout=1", ledgerFiles(2), config)
		all.Go(func() {
			errs[i] = run(m)
			proxy.CloseAll()
			proxy.Resume()
		})
	}
	all.Wait()
	require.Less(t, time.Since(began), time.Minute)
	for i, url := range urls {
		if errs[i] != nil { // else it was the end of the run, which needs no answer
			judge(errs[i])
		}
		_, err := open(t, url, ledgerFiles(2), config).Run(patience(t), migrator.Up())
		require.NoError(t, err)
		require.Equal(t, ledgerState(2), state(t, url), "message %d", i+1)
	}
}

// undisturbed counts the messages of a run.
func undisturbed(t *testing.T, config migrator.Config) int {
	t.Helper()
	proxy := pgproxy.Start(t, newDatabase(t))
	_, err := open(t, proxy.URL(), ledgerFiles(2), config).Run(patience(t), migrator.Up())
	require.NoError(t, err)
	require.Greater(t, len(proxy.Messages()), 4)
	return len(proxy.Messages())
}

// stallAt makes a proxy fall silent at its k-th message, which the server does not get.
func stallAt(proxy *pgproxy.Proxy, k int) {
	proxy.Cut(pgproxy.Cut{Match: func(m pgproxy.Message) bool {
		if m.Number == k {
			proxy.Stall()
		}
		return false
	}})
}

func TestAServerThatIsSilentForAWhileIsWaitedFor(t *testing.T) {
	t.Parallel()
	url := newDatabase(t)
	proxy := pgproxy.Start(t, url)
	var seen recorder
	m := open(t, proxy.URL()+"&connect_timeout=1", files("001_sleep.sql", "create table ledger (file int not null);\nselect pg_sleep(3);\ninsert into ledger values (1);\n"), migrator.Config{Observe: seen.observe})
	var group errgroup.Group
	group.Go(func() error {
		_, err := silentAfter(m, 300*time.Millisecond).Run(patience(t), migrator.Up())
		return err
	})
	waitFor(t, url, "select (count(*) = 1)::text from pg_stat_activity where application_name like 'migrator % 001_sleep.sql' and wait_event = 'PgSleep' and datname = current_database()")
	proxy.Stall()
	require.Eventually(t, func() bool { return len(seen.of(migrator.EventReconnecting)) > 1 }, 30*time.Second, 10*time.Millisecond)
	proxy.Resume()
	require.NoError(t, group.Wait())
	require.ErrorContains(t, seen.of(migrator.EventReconnecting)[0].Err, "the server has been silent for")
	require.Equal(t, []string{"1"}, query(t, url, "select file::text from ledger"), "by the first try or by the second one, not by both")
}

// TestAStatementMayTakeAsLongAsItLikes: no time limit, but only silence ends a wait. Whoever refuses a new connection is
// not silent.
func TestAStatementMayTakeAsLongAsItLikes(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name string
		url  func(*testing.T, string) string
		file string
	}{
		{"the server answers", func(_ *testing.T, url string) string { return url }, "select pg_sleep(2);\n"},
		{"the role may open no more connections", narrow, "select pg_sleep(2);\n"},
		{"new connections are refused", func(t *testing.T, url string) string {
			proxy := pgproxy.Start(t, url)
			time.AfterFunc(time.Second, proxy.Refuse)
			return proxy.URL()
		}, "select pg_sleep(4);\n"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			var seen recorder
			m := open(t, test.url(t, newDatabase(t)), files("001_slow.sql", test.file), migrator.Config{Observe: seen.observe})
			results, err := silentAfter(m, 50*time.Millisecond).Run(patience(t), migrator.Up())
			require.NoError(t, err)
			require.Len(t, results, 1)
			require.Empty(t, seen.of(migrator.EventReconnecting))
		})
	}
}

func TestAHistoryThatSomebodyHasLockedIsWaitedForWhateverTheRolesLimitsAre(t *testing.T) {
	t.Parallel()
	url := newDatabase(t)
	limited := role(t, url, "", "alter role $role set statement_timeout = 250", "alter role $role set lock_timeout = 250")
	_, err := open(t, limited, ledgerFiles(1), migrator.Config{}).Run(patience(t), migrator.Up())
	require.NoError(t, err)
	hold(t, url, 2*time.Second, "lock table schema_migrations")
	var seen recorder
	_, err = silentAfter(open(t, limited, ledgerFiles(2), migrator.Config{Observe: seen.observe}), 50*time.Millisecond).Run(patience(t), migrator.Up())
	require.NoError(t, err)
	require.Empty(t, seen.of(migrator.EventReconnecting))
	require.Equal(t, ledgerState(2), state(t, url))
}

// TestTheServerGivesUpAClientThatHasVanished: a host that vanishes without a word leaves sessions in which the server
// waits for it. It asks for what ends them, while a file runs and while it holds the run lock between two messages.
func TestTheServerGivesUpAClientThatHasVanished(t *testing.T) {
	t.Parallel()
	const settings = "select string_agg(name || ' ' || setting, ', ' order by name) from pg_settings where name in ('tcp_keepalives_idle', 'tcp_keepalives_interval', 'tcp_user_timeout')"
	const want = "tcp_keepalives_idle 15, tcp_keepalives_interval 10, tcp_user_timeout 45000"
	url := newDatabase(t)
	proxy := pgproxy.Start(t, url)
	_, err := open(t, proxy.URL(), files("001_show.sql", "create table shown as "+settings+";\n"), migrator.Config{}).Run(patience(t), migrator.Up())
	require.NoError(t, err)
	require.Equal(t, []string{want}, query(t, url, "select * from shown"))
	held := 0
	conn := connect(t, url)
	defer conn.Close(context.Background())
	for _, message := range proxy.Messages() {
		if !pgproxy.Containing("pg_try_advisory_lock(")(message) {
			continue
		}
		held++
		if pgproxy.Containing("create table shown")(message) {
			execute(t, url, "truncate schema_migrations; drop table shown")
		}
		_, err = conn.PgConn().Exec(t.Context(), message.SQL).ReadAll()
		require.NoError(t, err, message.SQL)
		results, err := conn.PgConn().Exec(t.Context(), settings).ReadAll()
		require.NoError(t, err)
		require.Equal(t, want, string(results[0].Rows[0][0]), "after %s", message.SQL)
	}
	require.Equal(t, 2, held, "the lock is taken, and kept by what is sent after that")
}
