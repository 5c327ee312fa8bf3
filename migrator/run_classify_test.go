package migrator

import (
	"context"
	"errors"
	"fmt"
	"io"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"github.com/agent-shaker/agent-shaker/migrator/internal/history"
	"github.com/agent-shaker/agent-shaker/migrator/internal/script"
	"github.com/agent-shaker/agent-shaker/migrator/internal/sqlstate"
)

func state(code string) error { return fmt.Errorf("sent: %w", &pgconn.PgError{Code: code}) }

func TestAnErrorOfTheServerDecidesWhatIsDoneNext(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name    string
		err     error
		kind    script.OpKind
		watched bool
		want    class
	}{
		{"no answer at all", io.ErrUnexpectedEOF, script.OpFile, false, lost},
		{"lock not available", state("55P03"), script.OpFile, false, busy},
		{"deadlock", state("40P01"), script.OpFile, false, busy},
		{"serialization failure", state("40001"), script.OpCommit, false, busy},
		{"cancelled by the watch", state("57014"), script.OpFile, true, busy},
		{"cancelled by someone else", state("57014"), script.OpFile, false, final},
		{"the watch has looked, but the error is another", state("42601"), script.OpFile, true, final},
		{"the run lock is held", state(sqlstate.LockHeld), script.OpLock, false, locked},
		{"reverted by another run", state(sqlstate.RowGone), script.OpClaim, false, taken},
		{"applied by another run", state("23505"), script.OpClaim, false, taken},
		{"the table made by another run", state("42P07"), script.OpClaim, false, taken},
		{"a role that another database's run changes", &pgconn.PgError{Code: "XX000", Message: "tuple concurrently updated"}, script.OpFile, false, busy},
		{"a role that another database's run drops", &pgconn.PgError{Code: "XX000", Message: "tuple concurrently deleted"}, script.OpCommit, false, busy},
		{"a role that another database's run makes", &pgconn.PgError{Code: "23505", SchemaName: "pg_catalog"}, script.OpFile, false, busy},
		{"another internal error", &pgconn.PgError{Code: "XX000", Message: "cache lookup failed for type 1"}, script.OpFile, false, final},
		{"the history's type that another run makes", &pgconn.PgError{Code: "23505", SchemaName: "pg_catalog"}, script.OpClaim, false, taken},
		{"a duplicate of the file's own", state("23505"), script.OpFile, false, final},
		{"a table of the file's own that exists", state("42P07"), script.OpFile, false, final},
		{"a duplicate at a deferred check", state("23505"), script.OpCommit, false, final},
		{"the row is not ours", state(sqlstate.SealBroken), script.OpSeal, false, final},
		{"a syntax error", state("42601"), script.OpFile, false, final},
		{"no permission for the history", state("42501"), script.OpClaim, false, final},
		{"the disk is full", state("53100"), script.OpFile, false, final},
		{"shut down", state("57P01"), script.OpFile, false, lost},
		{"crashed", state("57P02"), script.OpFile, false, lost},
		{"starting", state("57P03"), script.OpFrame, false, lost},
		{"idle in transaction too long", state("25P03"), script.OpFile, false, lost},
		{"transaction too long", state("25P04"), script.OpFile, false, lost},
		{"idle too long", state("57P05"), script.OpFrame, false, lost},
		{"too many connections", state("53300"), script.OpFrame, false, lost},
		{"connection failure", state("08006"), script.OpFile, false, lost},
		{"a connection of the file's own failed", &pgconn.PgError{Code: "08006", SeverityUnlocalized: "ERROR"}, script.OpFile, false, final},
		{"another server that the file asks shuts down", &pgconn.PgError{Code: "57P01", SeverityUnlocalized: "ERROR"}, script.OpFile, false, final},
		{"a pooler lost the server", &pgconn.PgError{Code: "08P01", Message: "server conn crashed?"}, script.OpFile, false, lost},
		{"a pooler in statement mode", &pgconn.PgError{Code: "08P01", Message: "transaction blocks not allowed in statement pooling mode"}, script.OpFrame, false, final},
		{"the database was dropped", state("57P04"), script.OpFile, false, final},
		{"read only", state("25006"), script.OpClaim, false, final},
	} {
		require.Equal(t, c.want, classify(context.Background(), c.kind, c.err, c.watched, history.Server{}), c.name)
	}
}

func TestAStandbyThatRefusesToWriteCountsAsALostServer(t *testing.T) {
	t.Parallel()
	require.Equal(t, lost, classify(context.Background(), script.OpClaim, state("25006"), false, history.Server{Instance: history.Instance{Standby: true}}))
	require.Equal(t, lost, classify(context.Background(), script.OpClaim, &pgconn.PgError{Code: "25006", SeverityUnlocalized: "ERROR"}, false, history.Server{Instance: history.Instance{Standby: true}}))
	require.Equal(t, final, classify(context.Background(), script.OpClaim, state("25006"), false, history.Server{}))
}

func TestBehindOthersAPlainErrorMayTellOfALostConnection(t *testing.T) {
	t.Parallel()
	err := &pgconn.PgError{Code: "08006", SeverityUnlocalized: "ERROR"}
	require.Equal(t, final, classify(t.Context(), script.OpFile, err, false, history.Server{}))
	require.Equal(t, lost, classify(t.Context(), script.OpFile, err, false, history.Server{Instance: history.Instance{Pooled: true}}))
	require.Equal(t, lost, classify(t.Context(), script.OpFile, err, false, history.Server{Instance: history.Instance{Citus: true}}))
}

func TestTheEndOfTheContextComesBeforeEveryOtherReason(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	for _, err := range []error{io.EOF, state("57014"), state("55P03"), state("57P01"), state("23505")} {
		require.Equal(t, cancelled, classify(ctx, script.OpClaim, err, true, history.Server{}))
	}
}

func TestAServerThatMayTakeAConnectionLaterIsWorthWaitingFor(t *testing.T) {
	t.Parallel()
	config, err := pgx.ParseConfig("host=127.0.0.1 port=1 connect_timeout=5 sslmode=disable")
	require.NoError(t, err)
	_, refused := pgconn.ConnectConfig(t.Context(), &config.Config)
	_, unparsed := pgx.ParseConfig("host=127.0.0.1 port=x")
	for name, c := range map[string]struct {
		err  error
		want bool
	}{
		"nobody listens":            {refused, true},
		"starting up":               {state("57P03"), true},
		"too many connections":      {state("53300"), true},
		"wrong password":            {state("28P01"), false},
		"no such user":              {state("28000"), false},
		"no such database":          {state("3D000"), false},
		"not a connection":          {unparsed, false},
		"a pooler's server is down": {&pgconn.PgError{Code: "08P01", Message: "server login has been failing, try again later (server_login_retry)"}, true},
		"a pooler's queue is long":  {&pgconn.PgError{Code: "08P01", Message: "query_wait_timeout"}, true},
		"a pooler's parameter":      {&pgconn.PgError{Code: "08P01", Message: "Unsupported startup parameter: search_path"}, false},
		"a pooler's database":       {&pgconn.PgError{Code: "08P01", Message: "no such database: shop"}, false},
		"a pooler's user":           {&pgconn.PgError{Code: "08P01", Message: "\"trust\" authentication failed"}, false},
		"the caller's own hook":     {errors.New("before connect: no token"), false},
	} {
		require.Error(t, c.err, name)
		require.Equal(t, c.want, isTemporaryRefusal(c.err), name)
	}
}

func TestWhatFailsAfterTheCommitIsNotTriedAgain(t *testing.T) {
	t.Parallel()
	for _, code := range []string{"55P03", "40P01", "40001", "57014"} {
		err := &pgconn.PgError{Code: code}
		require.Equal(t, busy, classify(t.Context(), script.OpFile, err, true, history.Server{}), code)
		require.Equal(t, final, classify(t.Context(), script.OpClean, err, true, history.Server{}), code)
	}
	require.Equal(t, lost, classify(t.Context(), script.OpClean, &pgconn.PgError{Code: "57P01"}, false, history.Server{}))
}
