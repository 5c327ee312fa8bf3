package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/agent-shaker/agent-shaker/migrator/migratortest"
)

// asServer is the variable that makes the program of the tests the server.
const asServer = "SERVER_TEST_AS_SERVER"

func TestMain(m *testing.M) {
	if os.Getenv(asServer) != "" {
		main()
	}
	os.Exit(migratortest.Main(m))
}

// A program is a server that runs in this process.
type program struct {
	url    string // of its HTTP side
	logs   *buffer
	errs   *buffer
	cancel context.CancelFunc
	code   chan int
}

func start(t *testing.T, env map[string]string, args ...string) *program {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	address := listener.Addr().String()
	require.NoError(t, listener.Close())
	ctx, cancel := context.WithCancel(context.Background())
	p := &program{url: "http://" + address, logs: &buffer{}, errs: &buffer{}, cancel: cancel, code: make(chan int, 1)}
	getenv := func(name string) string {
		if name == "ADDR" {
			return address
		}
		return env[name]
	}
	go func() { p.code <- run(ctx, args, getenv, p.logs, p.errs) }()
	t.Cleanup(cancel)
	return p
}

// get asks until the server listens.
func (p *program) get(t *testing.T, path string) (code int, body string) {
	t.Helper()
	require.Eventually(t, func() bool {
		response, err := http.Get(p.url + path)
		if err != nil {
			return false
		}
		defer response.Body.Close()
		content, err := io.ReadAll(response.Body)
		code, body = response.StatusCode, string(content)
		return err == nil
	}, 30*time.Second, 10*time.Millisecond, path)
	return code, body
}

func (p *program) ready(t *testing.T) {
	t.Helper()
	require.Eventually(t, func() bool {
		code, _ := p.get(t, "/readyz")
		return code == http.StatusOK
	}, time.Minute, 20*time.Millisecond, "it becomes ready: %s", p.logs)
}

// end waits for the exit code.
func (p *program) end(t *testing.T) int {
	t.Helper()
	select {
	case code := <-p.code:
		return code
	case <-time.After(time.Minute):
		t.Fatalf("the server did not end: %s", p.logs)
		return -1
	}
}

func TestServerMigratesIsReadyAndShutsDown(t *testing.T) {
	t.Parallel()
	env := map[string]string{"DATABASE_URL": migratortest.Database(t)}
	p := start(t, env)
	p.ready(t)
	var answer struct {
		Migrations []struct {
			Version, State string
			AppliedAt      time.Time `json:"applied_at"`
		}
	}
	code, body := p.get(t, "/migrations.json")
	require.Equal(t, http.StatusOK, code)
	require.NoError(t, json.Unmarshal([]byte(body), &answer))
	require.Len(t, answer.Migrations, 6)
	require.Equal(t, "applied", answer.Migrations[5].State)
	require.WithinDuration(t, time.Now(), answer.Migrations[5].AppliedAt, time.Minute)
	p.cancel()
	require.Zero(t, p.end(t))
	require.Equal(t, []string{
		"Listening", "Running database migrations...", "Pending migrations",
		"Applying migration: 001_init.sql", "✓ Applied migration: 001_init.sql",
		"Applying migration: 002_sample_data.sql", "✓ Applied migration: 002_sample_data.sql",
		"Applying migration: 003_daily_standups.sql", "✓ Applied migration: 003_daily_standups.sql",
		"Applying migration: 004_add_notifications.sql", "✓ Applied migration: 004_add_notifications.sql",
		"Applying migration: 005_add_task_priority.sql", "✓ Applied migration: 005_add_task_priority.sql",
		"Applying migration: 006_migrate_agent_status.sql", "✓ Applied migration: 006_migrate_agent_status.sql",
		"Successfully applied 6 migration(s)", "Server is ready", "Server stopped",
	}, p.messages())

	again := start(t, env)
	again.ready(t)
	again.cancel()
	require.Zero(t, again.end(t))
	require.Contains(t, again.messages(), "No pending migrations")
	require.NotContains(t, again.logs.String(), "Appl")
}

func TestServerIsAliveButNotReadyWhileItMigrates(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "001_slow.sql"), []byte("select pg_sleep(60);\n"), 0o600))
	p := start(t, map[string]string{"DATABASE_URL": migratortest.Database(t), "MIGRATIONS_DIR": dir})
	require.Eventually(t, func() bool {
		_, body := p.get(t, "/readyz")
		return strings.Contains(body, "Applying migration: 001_slow.sql")
	}, time.Minute, 20*time.Millisecond)
	code, _ := p.get(t, "/readyz")
	require.Equal(t, http.StatusServiceUnavailable, code)
	code, body := p.get(t, "/healthz")
	require.Equal(t, http.StatusOK, code)
	require.Equal(t, "ok\n", body)
	p.cancel() // as SIGTERM does
	require.Zero(t, p.end(t))
	require.Contains(t, p.logs.String(), "rolled back; nothing of this file was applied")
}

func TestReadinessDoesNotShowWhatFilesSay(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "001_talks.sql"),
		[]byte("do $$ begin raise notice 'the key is s3cret'; raise warning 'really s3cret'; end $$;\nselect pg_sleep(60);\n"), 0o600))
	p := start(t, map[string]string{"DATABASE_URL": migratortest.Database(t), "MIGRATIONS_DIR": dir})
	require.Eventually(t, func() bool { return strings.Contains(p.logs.String(), "really s3cret") }, time.Minute, 20*time.Millisecond)
	require.Never(t, func() bool {
		_, body := p.get(t, "/readyz")
		return !strings.Contains(body, "Applying migration: 001_talks.sql")
	}, 300*time.Millisecond, 20*time.Millisecond)
	p.cancel()
	require.Zero(t, p.end(t))
}

func TestServerEndsWhenAMigrationFails(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "001_bad.sql"), []byte("create table t (id int);\nselect nothing from t;\n"), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "notes.sql"), nil, 0o600))
	p := start(t, map[string]string{"DATABASE_URL": migratortest.Database(t), "MIGRATIONS_DIR": dir})
	require.Equal(t, 1, p.end(t))
	require.Equal(t, `001_bad.sql:2:8: column "nothing" does not exist (SQLSTATE 42703)
  2 | select nothing from t;
    |        ^
STATE: rolled back; nothing of this file was applied
`, p.errs.String())
	require.Contains(t, p.logs.String(), "✗ Failed to apply migration 001_bad.sql")
	require.Contains(t, p.logs.String(), "Skipping non-migration file: notes.sql")
}

// A directory that was not mounted must not pass for one whose migrations are applied.
func TestServerDoesNotServeWithoutMigrationsUnlessItIsToldTo(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	env := map[string]string{"DATABASE_URL": migratortest.Database(t), "MIGRATIONS_DIR": dir}
	p := start(t, env)
	require.Equal(t, 1, p.end(t))
	require.Contains(t, p.errs.String(), dir+": no migrations: the folder is empty\nHINT: ")
	require.Contains(t, p.errs.String(), "--allow-empty")

	require.NoError(t, os.WriteFile(filepath.Join(dir, "V1__init.sql"), nil, 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "R__views.sql"), []byte("select 1/0;"), 0o600))
	p = start(t, env)
	require.Equal(t, 1, p.end(t))
	require.Contains(t, p.errs.String(), "named for Flyway or refinery, and are not read here: V1__init.sql")

	require.NoError(t, os.Remove(filepath.Join(dir, "R__views.sql")))
	p = start(t, env, "--allow-empty")
	p.ready(t)
	p.cancel()
	require.Zero(t, p.end(t))
	require.Contains(t, p.messages(), "No pending migrations")
}

func TestServerRefusesAnUnrelatedHistoryUnlessToldOtherwise(t *testing.T) {
	t.Parallel()
	env := map[string]string{"DATABASE_URL": migratortest.Database(t), "MIGRATIONS_DIR": t.TempDir()}
	require.NoError(t, os.WriteFile(filepath.Join(env["MIGRATIONS_DIR"], "001_stranger.sql"), nil, 0o600))
	stranger := start(t, env)
	stranger.ready(t)
	stranger.cancel()
	require.Zero(t, stranger.end(t))

	env["MIGRATIONS_DIR"] = ""
	refused := start(t, env)
	require.Equal(t, 1, refused.end(t))
	require.Contains(t, refused.errs.String(), "--allow-unrelated")
	require.NotContains(t, refused.logs.String(), "Applying")

	allowed := start(t, env, "--allow-unrelated")
	allowed.ready(t)
	allowed.cancel()
	require.Zero(t, allowed.end(t))
	require.Contains(t, allowed.messages(), "Successfully applied 6 migration(s)")
}

func TestServerRefusesFilesThatAreAppliedElsewhereUnlessToldWhere(t *testing.T) {
	t.Parallel()
	database := migratortest.Database(t)
	conn, err := pgx.Connect(t.Context(), database)
	require.NoError(t, err)
	_, err = conn.Exec(t.Context(), "create table alembic_version (version_num varchar(32)); insert into alembic_version values ('ae1027')")
	require.NoError(t, err)
	require.NoError(t, conn.Close(t.Context()))
	env := map[string]string{"DATABASE_URL": database}
	refused := start(t, env)
	require.Equal(t, 1, refused.end(t))
	require.Contains(t, refused.errs.String(), "--allow-other-tools")

	allowed := start(t, env, "--allow-other-tools", "--table", "agent_shaker")
	allowed.ready(t)
	allowed.cancel()
	require.Zero(t, allowed.end(t))
	require.Contains(t, allowed.messages(), "Successfully applied 6 migration(s)")

	refused = start(t, env)
	require.Equal(t, 1, refused.end(t))
	require.Contains(t, refused.errs.String(), "--table public.agent_shaker")

	named := start(t, env, "--table", "public.agent_shaker")
	named.ready(t)
	named.cancel()
	require.Zero(t, named.end(t))
	require.Contains(t, named.messages(), "No pending migrations")
}

func TestServerWithoutADatabaseSaysWhatToSet(t *testing.T) {
	t.Parallel()
	p := start(t, nil)
	require.Equal(t, 1, p.end(t))
	require.Contains(t, p.errs.String(), "DATABASE_URL")
	require.Contains(t, p.errs.String(), "--dev")

	for _, url := range []string{"postgres://u:s3%cret@h/d", "postgres://u:s3@cret@h/d", "postgres://u:123/s3cret@h/d"} {
		secret := start(t, map[string]string{"DATABASE_URL": url})
		require.Equal(t, 1, secret.end(t), url)
		require.NotContains(t, secret.errs.String()+secret.logs.String(), "cret", url)
	}

	for _, args := range [][]string{{"--no-such-flag"}, {"argument"}, {"--dev-data", "x"}, {"--dev", "--dev-data", ""}, {"--table", ""}} {
		wrong := start(t, nil, args...)
		require.Equal(t, 2, wrong.end(t), args)
	}
}

func TestServerTakesOverADatabaseOfTheOldSystem(t *testing.T) {
	t.Parallel()
	url := migratortest.Database(t)
	legacy, err := os.ReadFile(filepath.Join("..", "..", "testdata", "legacy.sql"))
	require.NoError(t, err)
	conn, err := pgx.Connect(t.Context(), url)
	require.NoError(t, err)
	defer conn.Close(context.Background())
	_, err = conn.Exec(t.Context(), string(legacy))
	require.NoError(t, err)

	p := start(t, map[string]string{"DATABASE_URL": url})
	p.ready(t)
	p.cancel()
	require.Zero(t, p.end(t))
	require.Contains(t, p.messages(), "Successfully applied 3 migration(s)")
	require.NotContains(t, p.logs.String(), "Applying migration: 003")
	var unknown int
	require.NoError(t, conn.QueryRow(t.Context(), "select count(*) from schema_migrations where checksum is null").Scan(&unknown))
	require.Zero(t, unknown, "the checksums of what was there are known now")
	require.NoError(t, conn.QueryRow(t.Context(), "select count(*) from tasks where priority not in ('low', 'medium', 'high', 'urgent')").Scan(&unknown))
	require.Zero(t, unknown)
	require.NoError(t, conn.QueryRow(t.Context(), "select count(*) from agents where lower(status) in ('online', 'available', 'ready', 'offline', 'away', 'working', 'in-progress')").Scan(&unknown))
	require.Zero(t, unknown)
}

func TestServerWithDevNeedsNothing(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("it takes long: run without -short")
	}
	data := filepath.Join(openDir(t), "data")
	for _, want := range []string{"Successfully applied 6 migration(s)", "No pending migrations"} {
		p := start(t, nil, "--dev", "--dev-data", data)
		p.ready(t)
		p.cancel()
		require.Zero(t, p.end(t))
		require.Contains(t, p.messages(), want)
	}
}

var message = regexp.MustCompile(`msg=("(?:[^"\\]|\\.)*"|\S+)`)

// messages are the texts of the log lines.
func (p *program) messages() []string {
	var texts []string
	for _, match := range message.FindAllStringSubmatch(p.logs.String(), -1) {
		texts = append(texts, strings.Trim(match[1], `"`))
	}
	return texts
}

// A buffer may be read while it is written.
type buffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

// openDir is a temporary directory that other users may enter: the server of a root that tests is one.
func openDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "open")
	require.NoError(t, err)
	require.NoError(t, os.Chmod(dir, 0o755))
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(dir)) })
	return dir
}
