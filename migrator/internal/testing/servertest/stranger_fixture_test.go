package servertest

import (
	"crypto/sha256"
	"encoding/hex"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// A stranger is a role that may create in schema public, as anybody may on PostgreSQL 14.
type stranger struct {
	database string // the superuser's URL
	url      string // the stranger's
	name     string
}

// newStranger makes a database in which a stranger has a function that notes when it runs as a superuser. The note stays when
// the transaction is rolled back.
func newStranger(t *testing.T) stranger {
	t.Helper()
	database := newDatabase(t)
	s := stranger{database: database, url: role(t, database, "")}
	u, err := url.Parse(s.url)
	require.NoError(t, err)
	s.name = u.User.Username()
	s.does(t, `
create sequence ran;
create function run() returns text language plpgsql as $$
begin
	if current_setting('is_superuser') = 'on' then
		perform nextval('public.ran');
	end if;
	return 'ran';
end $$;
create function run_on_row() returns trigger language plpgsql as $$ begin perform public.run(); return coalesce(new, old); end $$;`)
	return s
}

// does runs SQL as the stranger.
func (s stranger) does(t *testing.T, sql string) {
	t.Helper()
	execute(t, s.url, sql)
}

// hasRun reports whether the stranger's function has run as a superuser.
func (s stranger) hasRun(t *testing.T) bool {
	t.Helper()
	return query(t, s.database, "select is_called::text from public.ran")[0] == "true"
}

// row is a row of a history, as SQL, that records a file as it is.
func row(name, text string) string {
	sum := sha256.Sum256([]byte(text))
	return "('" + name + "', now(), '" + hex.EncodeToString(sum[:]) + "')"
}

// historyTable is the DDL of a history table with more columns or constraints.
func historyTable(more ...string) string {
	columns := append([]string{"version varchar(255) primary key", "applied_at timestamp default now()", "checksum varchar(64)"}, more...)
	return "create table schema_migrations (" + strings.Join(columns, ", ") + ");\n"
}
