package web

import (
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	agentshaker "github.com/agent-shaker/agent-shaker"
	"github.com/agent-shaker/agent-shaker/migrator"
	"github.com/agent-shaker/agent-shaker/migrator/migratortest"
)

func TestMain(m *testing.M) { os.Exit(migratortest.Main(m)) }

// serve runs a Server with limits that a test can wait for, and returns it with its address.
func serve(t *testing.T, change func(*Server), read func(context.Context) ([]migrator.Status, error)) (s *Server, address string) {
	t.Helper()
	s = New(slog.New(slog.NewTextHandler(t.Output(), nil)))
	s.limits.patience, s.limits.read = time.Minute, time.Minute // the machine may be slow
	change(s)
	ctx, cancel := context.WithCancel(context.Background())
	if read != nil {
		s.Migrations(ctx, read)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	served := make(chan error, 1)
	go func() { served <- s.Serve(ctx, listener) }()
	t.Cleanup(func() {
		cancel()
		require.NoError(t, <-served)
	})
	return s, listener.Addr().String()
}

// large is a state of migrations whose answer no buffer between two sockets holds.
func large(context.Context) ([]migrator.Status, error) {
	return slices.Repeat([]migrator.Status{{Version: migrator.Version("001_" + strings.Repeat("x", 240) + ".sql")}}, 60_000), nil
}

// An answer is what a request got, and how long it took.
type answer struct {
	code int
	body string
	took time.Duration
	err  error
}

// get asks on a connection of its own.
func get(address, path string) answer {
	began := time.Now()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 30 * time.Second}
	response, err := client.Get("http://" + address + path)
	if err != nil {
		return answer{err: err}
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	return answer{response.StatusCode, string(body), time.Since(began), err}
}

// asked is a connection that has sent a request, and has read nothing.
func asked(t *testing.T, address, request string) *net.TCPConn {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	_, err = io.WriteString(conn, request)
	require.NoError(t, err)
	return conn.(*net.TCPConn)
}

// A database is a migrated one, which is reached through a listener that counts connections.
type database struct {
	*pgx.Conn
	migrator    *migrator.Migrator
	connections atomic.Int64
}

func newDatabase(t *testing.T) *database {
	t.Helper()
	d := &database{Conn: migratortest.New(t, agentshaker.Migrations())}
	migrations, err := migrator.Load(agentshaker.Migrations())
	require.NoError(t, err)
	config := d.Config().Copy()
	network, address := pgconn.NetworkAddress(config.Host, config.Port)
	config.DialFunc = func(ctx context.Context, _, _ string) (net.Conn, error) {
		d.connections.Add(1)
		return (&net.Dialer{}).DialContext(ctx, network, address)
	}
	d.migrator = migrator.New(config, migrations, migrator.Config{})
	return d
}

func (d *database) exec(t *testing.T, sql string) {
	t.Helper()
	_, err := d.Exec(t.Context(), sql)
	require.NoError(t, err)
}
