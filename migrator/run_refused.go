package migrator

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/agent-shaker/agent-shaker/migrator/internal/history"
	"github.com/agent-shaker/agent-shaker/migrator/internal/pgsession"
	"github.com/agent-shaker/agent-shaker/migrator/internal/sqlstate"
)

// poolerRefusals are error texts of pgbouncer that do not go away with time. Its older versions report every error with code
// 08P01, even the server's own.
var poolerRefusals = []string{
	"unsupported startup parameter", "statement pooling mode", "no such database", "no such user", "no username supplied", "does not exist",
	"authentication failed", "wrong password type", "login rejected", "pg_hba.conf", "ssl required", "tls connection required",
	"client certificate required", "certificate name mismatch",
}

// refusedByPooler reports whether a pooler refuses the connection for a reason that does not go away with time.
func refusedByPooler(pg *pgconn.PgError) bool {
	text := strings.ToLower(pg.Message)
	return slices.ContainsFunc(poolerRefusals, func(refusal string) bool { return strings.Contains(text, refusal) })
}

// noDatabase reports whether the server, or a pooler in front of it, says that the database does not exist.
func noDatabase(pg *pgconn.PgError) bool {
	text := strings.ToLower(pg.Message)
	return pg.Code == sqlstate.InvalidCatalogName || pg.Code == sqlstate.ProtocolViolation && (strings.Contains(text, "no such database") || strings.HasPrefix(text, "database ") && strings.Contains(text, "does not exist"))
}

// attemptRefusals are texts of pgx and crypto/tls for a connection that cannot succeed as it is configured. "remote error: tls"
// is how the server refuses our certificate, TLS version or name.
var attemptRefusals = []string{
	"remote error: tls: ", "tls: server selected unsupported protocol version", "tls: no supported versions", "sslcertmode check failed",
	"require_auth check failed", "channel binding", "server protocol version too low", "server does not support SCRAM-SHA-256",
	"invalid SCRAM server-",
}

// refusedForGood reports whether one attempt to connect failed for a reason that does not go away with time. plainToo: the
// configuration also allows a connection without TLS.
func refusedForGood(err error, plainToo bool) bool {
	var verification *tls.CertificateVerificationError
	var record tls.RecordHeaderError
	var authority x509.UnknownAuthorityError
	var host x509.HostnameError
	var invalid x509.CertificateInvalidError
	if errors.As(err, &verification) || errors.As(err, &record) || errors.As(err, &authority) || errors.As(err, &host) || errors.As(err, &invalid) {
		return true
	}
	text := err.Error()
	if strings.Contains(text, "server refused TLS") {
		return !plainToo // with sslmode=prefer an attempt without TLS follows
	}
	return slices.ContainsFunc(attemptRefusals, func(refusal string) bool { return strings.Contains(text, refusal) })
}

// isTemporaryRefusal reports whether a server that refused a connection may accept one later. It may not if the user, the
// password or the database is wrong, or if certificates or sslmode do not fit. It may if the host name is unknown, since that
// can change soon.
func isTemporaryRefusal(err error) bool {
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		return isLost(pg, history.Server{})
	}
	var parse *pgconn.ParseConfigError
	var connect *pgconn.ConnectError
	if errors.As(err, &parse) || !errors.As(err, &connect) {
		return false
	}
	config := connect.Config
	plainToo := config.TLSConfig == nil || slices.ContainsFunc(config.Fallbacks, func(f *pgconn.FallbackConfig) bool { return f.TLSConfig == nil })
	refused := func(err error) bool { return refusedForGood(err, plainToo) }
	if pgsession.SeveralHosts(config) { // a misconfigured host says nothing about a host that is down
		return !allOf(attempts(connect), refused)
	}
	return !slices.ContainsFunc(attempts(connect), refused)
}

// allOf reports whether all errors meet a condition.
func allOf(list []error, is func(error) bool) bool {
	return !slices.ContainsFunc(list, func(err error) bool { return !is(err) })
}

// attempts returns the errors of the single addresses that were tried.
func attempts(connect *pgconn.ConnectError) []error {
	err := connect.Unwrap()
	for err != nil {
		if joined, ok := err.(interface{ Unwrap() []error }); ok {
			return joined.Unwrap()
		}
		next := errors.Unwrap(err)
		if next == nil {
			break
		}
		err = next
	}
	return []error{connect}
}
