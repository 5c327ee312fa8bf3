package pgsession

import (
	"cmp"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// connectTimeout bounds one attempt at one address, where the connection string sets no connect_timeout.
const connectTimeout = 10 * time.Second

// configure is the caller's configuration, with what all of our connections have in common.
func configure(conn *pgx.ConnConfig, options Options) *pgx.ConnConfig {
	config := conn.Copy()
	config.RuntimeParams["application_name"] = options.Name
	config.RuntimeParams["client_encoding"] = "UTF8" // what files are; the database's own may be another
	config.ConnectTimeout = cmp.Or(config.ConnectTimeout, connectTimeout)
	config.DialFunc = keepingAlive(config.DialFunc, options.Keepalive)
	config.OnPgError = func(_ *pgconn.PgConn, err *pgconn.PgError) bool {
		// Severity is in the server's language, and all that a pooler has. Who waited for more would miss what it says.
		return cmp.Or(err.SeverityUnlocalized, err.Severity) != "FATAL"
	}
	if SeveralHosts(&config.Config) && config.ValidateConnect == nil {
		config.ValidateConnect = refuseStandby
	}
	return config
}

// SeveralHosts reports whether a connection string has more than one server: the same one with TLS and without is one.
func SeveralHosts(config *pgconn.Config) bool {
	for _, fallback := range config.Fallbacks {
		if fallback.Host != config.Host || fallback.Port != config.Port {
			return true
		}
	}
	return false
}
