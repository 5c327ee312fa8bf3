package devpg

import (
	"context"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"github.com/agent-shaker/agent-shaker/migrator/internal/testing/dbtest"
)

func TestStartGivesADatabaseThatAnswersAndStopLeavesNothing(t *testing.T) {
	t.Parallel()
	s := started(t, Options{})
	require.Equal(t, "postgres", query(t, s, "select current_database()"))
	require.Contains(t, query(t, s, "show server_version"), s.Version())
	require.Equal(t, "off", query(t, s, "show fsync"))
	require.Equal(t, "UTF8", query(t, s, "show server_encoding"))

	require.NoError(t, s.Stop())
	requireNothingLeft(t, s)
	require.NoError(t, s.Stop(), "a second stop does nothing")
}

func TestOthersAreKeptOut(t *testing.T) {
	t.Parallel()
	dbtest.Slow(t)
	s := started(t, Options{})
	require.Equal(t, "127.0.0.1", query(t, s, "show listen_addresses"))
	require.Empty(t, query(t, s, "show unix_socket_directories"))

	info, err := os.Stat(s.Dir())
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o700), info.Mode().Perm())

	u, err := url.Parse(s.ConnString())
	require.NoError(t, err)
	for _, user := range []*url.Userinfo{url.User(role), url.UserPassword(role, "postgres"), url.UserPassword(role, "")} {
		u.User = user
		_, err = pgconn.Connect(t.Context(), u.String())
		require.Error(t, err)
		require.NotContains(t, err.Error(), s.password)
	}
	u.User = url.UserPassword(role, "postgres")
	_, err = pgconn.Connect(t.Context(), u.String())
	var refused *pgconn.PgError
	require.ErrorAs(t, err, &refused)
	require.Equal(t, "28P01", refused.Code)
}

func TestStopEndsConnections(t *testing.T) {
	t.Parallel()
	dbtest.Slow(t)
	for _, data := range []string{"", filepath.Join(publicDir(t), "data")} {
		s := started(t, Options{Data: data})
		conn, err := pgx.Connect(t.Context(), s.ConnString())
		require.NoError(t, err)
		require.NoError(t, s.Stop())
		_, err = conn.Exec(t.Context(), "select 1")
		require.Error(t, err)
	}
}

func TestSettingsReachTheServer(t *testing.T) {
	t.Parallel()
	dbtest.Slow(t)
	s := started(t, Options{Settings: map[string]string{
		"max_connections": "7",
		"cluster_name":    `it's a \ name`,
		"port":            "1",
		"fsync":           "on",
	}})
	require.Equal(t, "7", query(t, s, "show max_connections"))
	require.Equal(t, `it's a \ name`, query(t, s, "show cluster_name"))
	require.Equal(t, "on", query(t, s, "show fsync"))
}

func TestAFailedStartShowsTheServersLogAndLeavesNothing(t *testing.T) {
	temp := publicDir(t)
	t.Setenv("TMPDIR", temp)
	_, err := Start(t.Context(), Options{Settings: map[string]string{"no_such_setting": "1"}})
	require.ErrorContains(t, err, `unrecognized configuration parameter "no_such_setting"`)
	requireEmpty(t, temp)
}

func TestATakenPortIsReplaced(t *testing.T) {
	t.Parallel()
	dbtest.Slow(t)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { _ = listener.Close() }()
	taken := listener.Addr().(*net.TCPAddr).Port
	asked := 0
	s, err := start(t.Context(), Options{}, func() (int, error) {
		if asked++; asked < 3 {
			return taken, nil
		}
		return freePort()
	})
	require.NoError(t, err)
	defer func() { _ = s.Stop() }()
	require.Equal(t, 3, asked)
	require.NotEqual(t, taken, s.port)
	require.Equal(t, "1", query(t, s, "select 1"))
}

func TestSeveralServersStartAtOnce(t *testing.T) {
	t.Parallel()
	dbtest.Slow(t)
	const n = 4
	servers, errs := make([]*Server, n), make([]error, n)
	var group sync.WaitGroup
	for i := range n {
		group.Go(func() { servers[i], errs[i] = Start(t.Context(), Options{}) })
	}
	group.Wait()
	ports := map[int]bool{}
	for i := range n {
		require.NoError(t, errs[i])
		require.Equal(t, "1", query(t, servers[i], "select 1"))
		ports[servers[i].port] = true
		require.NoError(t, servers[i].Stop())
		requireNothingLeft(t, servers[i])
	}
	require.Len(t, ports, n)
}

func TestCancellingAStartLeavesNothing(t *testing.T) {
	dbtest.Slow(t)
	temp := publicDir(t)
	t.Setenv("TMPDIR", temp)
	cancelled := 0
	for delay := time.Millisecond; delay < time.Second; delay = delay * 3 / 2 {
		ctx, cancel := context.WithTimeout(t.Context(), delay)
		s, err := Start(ctx, Options{})
		cancel()
		if err == nil {
			require.NoError(t, s.Stop())
		} else {
			require.ErrorIs(t, err, context.DeadlineExceeded)
			require.NotContains(t, err.Error(), "no PostgreSQL", "which a cancelled search cannot know")
			cancelled++
		}
		requireEmpty(t, temp)
		requireNoProcess(t, temp)
	}
	require.Positive(t, cancelled)
}

func TestCancellingAfterTheStartHasNoEffect(t *testing.T) {
	t.Parallel()
	dbtest.Slow(t)
	ctx, cancel := context.WithCancel(t.Context())
	s, err := Start(ctx, Options{})
	require.NoError(t, err)
	defer func() { _ = s.Stop() }()
	cancel()
	require.Equal(t, "1", query(t, s, "select 1"))
}

func BenchmarkStart(b *testing.B) {
	for b.Loop() {
		s, err := Start(b.Context(), Options{})
		require.NoError(b, err)
		b.StopTimer()
		require.NoError(b, s.Stop())
		b.StartTimer()
	}
}

func started(t *testing.T, o Options) *Server {
	t.Helper()
	s, err := Start(t.Context(), o)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Stop()) })
	return s
}

func query(t *testing.T, s *Server, sql string) string {
	t.Helper()
	values := dbtest.Query(t, s.ConnString(), sql)
	require.Len(t, values, 1)
	return values[0]
}

// publicDir is a temporary directory that every user can enter, also where the tests run as root.
func publicDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "devpgtest-")
	require.NoError(t, err)
	require.NoError(t, os.Chmod(dir, 0o777|os.ModeSticky))
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(dir)) })
	return dir
}

func requireNothingLeft(t *testing.T, s *Server) {
	t.Helper()
	require.NoDirExists(t, s.Dir())
	require.False(t, alive(s.PID()), "process %d is alive", s.PID())
	requireNoProcess(t, s.Dir())
	_, err := net.DialTimeout("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(s.port)), time.Second)
	require.Error(t, err)
}

func requireEmpty(t *testing.T, dir string) {
	t.Helper()
	require.Empty(t, names(t, dir))
}

func names(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	var list []string
	for _, entry := range entries {
		list = append(list, entry.Name())
	}
	return list
}

// requireNoProcess looks for a server, an initdb or a watchdog of a directory.
func requireNoProcess(t *testing.T, dir string) {
	t.Helper()
	require.Empty(t, processes(t, dir))
}

// processes lists those with a directory among their arguments.
func processes(t *testing.T, dir string) []string {
	t.Helper()
	var all []string
	if files, _ := filepath.Glob("/proc/[0-9]*/cmdline"); len(files) > 0 {
		for _, file := range files {
			args, _ := os.ReadFile(file) // gone meanwhile, maybe
			all = append(all, file+": "+strings.ReplaceAll(string(args), "\x00", " "))
		}
	} else {
		out, err := exec.Command("ps", "-A", "-w", "-w", "-o", "pid=,args=").Output()
		require.NoError(t, err)
		all = strings.Split(string(out), "\n")
	}
	return slices.DeleteFunc(all, func(line string) bool { return !strings.Contains(line, dir) })
}
