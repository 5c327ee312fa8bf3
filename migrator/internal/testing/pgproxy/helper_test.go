package pgproxy_test

import (
	"context"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"github.com/agent-shaker/agent-shaker/migrator/internal/testing/dbtest"
	"github.com/agent-shaker/agent-shaker/migrator/internal/testing/pgproxy"
	"github.com/agent-shaker/agent-shaker/migrator/migratortest"
)

// start returns a proxy before a database with the empty table kept(n int). With -short no test has one.
func start(t *testing.T) (*pgproxy.Proxy, *database) {
	t.Helper()
	dbtest.Slow(t)
	db := &database{t: t, url: migratortest.Database(t)}
	db.value("create table kept (n int)")
	return pgproxy.Start(t, db.url), db
}

// A database is asked directly, without the proxy.
type database struct {
	t   *testing.T
	url string
}

func (db *database) value(sql string) string {
	db.t.Helper()
	conn := connect(db.t, db.url)
	defer func() { _ = conn.Close(context.Background()) }()
	results, err := conn.Exec(db.t.Context(), sql).ReadAll()
	require.NoError(db.t, err)
	if len(results) == 0 || len(results[0].Rows) == 0 {
		return ""
	}
	return string(results[0].Rows[0][0])
}

// kept is the number of rows in the table.
func (db *database) kept() string {
	db.t.Helper()
	return db.value("select count(*) from kept")
}

// untilWaiting returns when a session waits for a lock on the table.
func (db *database) untilWaiting() {
	db.t.Helper()
	db.until("1", "select count(*) from pg_locks where not granted and relation = 'kept'::regclass")
}

// until asks again and again, on the test's own goroutine, as value may end the test.
func (db *database) until(expected, sql string) {
	db.t.Helper()
	for began := time.Now(); db.value(sql) != expected; time.Sleep(5 * time.Millisecond) {
		require.Less(db.t, time.Since(began), time.Minute, sql)
	}
}

func connect(t *testing.T, url string) *pgconn.PgConn {
	t.Helper()
	conn, err := pgconn.Connect(t.Context(), url)
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	return conn
}

func query(conn *pgconn.PgConn, sql string) error {
	_, err := conn.Exec(context.Background(), sql).ReadAll()
	return err
}

// ended waits until the server is done with all connections of the proxy.
func ended(t *testing.T, proxy *pgproxy.Proxy) {
	t.Helper()
	require.Eventually(t, func() bool { return proxy.Open() == 0 }, time.Minute, time.Millisecond)
}

// texts are the messages as a test writes them down: the type, and the text if there is one.
func texts(messages []pgproxy.Message) []string {
	list := []string{}
	for _, m := range messages {
		text := string(m.Type)
		if m.SQL != "" {
			text += " " + m.SQL
		}
		list = append(list, text)
	}
	return list
}
