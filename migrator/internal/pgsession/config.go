package pgsession

import (
	"cmp"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// connectTimeout bounds one attempt at one address if the connection string sets no connect_timeout.
const connectTimeout = 10 * time.Second

// configure returns the caller's configuration with the settings that all our connections share.
func configure(conn *pgx.ConnConfig, options Options) *pgx.ConnConfig {
	config := conn.Copy()
	config.RuntimeParams["application_name"] = options.Name
	config.RuntimeParams["client_encoding"] = "UTF8" // files are UTF-8, whatever the encoding of the database
	config.ConnectTimeout = cmp.Or(config.ConnectTimeout, connectTimeout)
	config.DialFunc = keepingAlive(config.DialFunc, options.Keepalive)
	config.OnPgError = func(_ *pgconn.PgConn, err *pgconn.PgError) bool {
		// Poolers send only Severity, which a server translates into its own language. At FATAL pgx must close the connection:
		// if it waited for more, the error would be lost.
		return cmp.Or(err.SeverityUnlocalized, err.Severity) != "FATAL"
	}
	if SeveralHosts(&config.Config) && config.ValidateConnect == nil {
		config.ValidateConnect = refuseStandby
	}
	return config
}

// SeveralHosts reports whether a configuration names more than one server. The same server with TLS and without counts as one.
func SeveralHosts(config *pgconn.Config) bool {
	for _, fallback := range config.Fallbacks {
		if fallback.Host != config.Host || fallback.Port != config.Port {
			return true
		}
	}
	return false
}
