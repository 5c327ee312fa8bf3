package migrator

import (
	"cmp"
	"crypto/tls"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
)

// tuning has parameters of other drivers, pools and tools that may be left out without harm. A server would refuse them.
var tuning = []string{
	"fallback_application_name", "gssdelegation", "gsslib", "keepalives", "keepalives_count", "keepalives_idle", "keepalives_interval", "load_balance_hosts",
	"sslcompression", "sslkeylogfile", "tcp_user_timeout", // libpq
	"pool_health_check_period", "pool_max_conn_idle_time", "pool_max_conn_lifetime", "pool_max_conn_lifetime_jitter", "pool_max_conns",
	"pool_min_conns", "pool_min_idle_conns", "pool_ping_timeout", // pgxpool
	"binary_parameters", "disable_prepared_binary_result", // lib/pq
	"connection_limit", "pgbouncer", "pool_timeout", "socket_timeout", "statement_cache_size", // Prisma
	"ApplicationName", "connectTimeout", "defaultRowFetchSize", "loadBalanceHosts", "loginTimeout", "prepareThreshold", "reWriteBatchedInserts",
	"socketTimeout", "tcpKeepAlive", // JDBC
	"max_conn_lifetime", "max_conns", "max_idle_conns", "max_open_conns", "min_conns", "pool", "pool_size", "prepared_statements",
	"prepared_statement_cache_size", "uselibpqcompat", // Go, Rails, SQLAlchemy, node-postgres
	"x-lock-strategy", "x-lock-table", "x-multi-statement", "x-multi-statement-max-size", "x-statement-timeout", // golang-migrate
}

// unsupported has parameters that protect or direct the connection and that pgx does not know. The values are hints.
var unsupported = map[string]string{
	"hostaddr":                  "give the address as host; sslmode=verify-full then needs a certificate for that address",
	"sslcrl":                    "lists of revoked certificates are not read here",
	"sslcrldir":                 "lists of revoked certificates are not read here",
	"requirepeer":               "the owner of a socket is not looked at here",
	"sslinline":                 "write the certificates to files, which sslcert, sslkey and sslrootcert name",
	"ssl":                       "say sslmode=require or verify-full, or sslmode=disable",
	"requiressl":                "say sslmode=require",
	"sslaccept":                 "say sslmode=verify-full for strict, sslmode=require for accept_invalid_certs",
	"sslidentity":               "say sslcert and sslkey",
	"sslfactory":                "say sslmode and sslrootcert",
	"targetServerType":          "say target_session_attrs",
	"scram_client_key":          "say password",
	"scram_server_key":          "say password",
	"oauth_issuer":              "OAuth is not spoken here",
	"oauth_client_id":           "OAuth is not spoken here",
	"oauth_client_secret":       "OAuth is not spoken here",
	"oauth_scope":               "OAuth is not spoken here",
	"schema":                    "say search_path, or name the history with --table (Config.Table)",
	"currentSchema":             "say search_path, or name the history with --table (Config.Table)",
	"x-migrations-table":        "name the history with --table (Config.Table)",
	"x-migrations-table-quoted": "name the history with --table (Config.Table)",
	"gssencmode":                "encryption by GSSAPI is not spoken here; say prefer or disable, and sslmode for TLS",
	"ssl_min_protocol_version":  "it is TLSv1, TLSv1.1, TLSv1.2 or TLSv1.3",
	"ssl_max_protocol_version":  "it is TLSv1.2 or TLSv1.3",
}

// variables has environment variables that psql obeys and pgx does not know.
var variables = map[string]string{
	"PGHOSTADDR": "hostaddr", "PGSSLCRL": "sslcrl", "PGSSLCRLDIR": "sslcrldir", "PGREQUIREPEER": "requirepeer", "PGGSSENCMODE": "gssencmode",
	"PGSSLMINPROTOCOLVERSION": "ssl_min_protocol_version", "PGSSLMAXPROTOCOLVERSION": "ssl_max_protocol_version", "PGREQUIRESSL": "requiressl",
}

// serverParameter matches the names of PostgreSQL's settings. Only these few have neither an underscore nor a dot. Anything else
// may be a part of a password, so it is neither sent nor quoted.
var serverParameter = regexp.MustCompile(`^(?i:[a-z_]\w*(?:\.[a-z_][\w$]*)+|[a-z]+_\w+|datestyle|geqo|intervalstyle|jit|options|replication|role|seed|timezone|xmlbinary|xmloption)$`)

// settleParameters handles the parameters that pgx does not know and would send to the server.
func settleParameters(config *pgx.ConnConfig, getenv func(string) string) error {
	params := config.RuntimeParams
	for variable, name := range variables {
		if value := cmp.Or(params[name], getenv(variable)); value != "" {
			params[name] = value
		}
	}
	for _, name := range slices.Sorted(maps.Keys(params)) {
		value := params[name]
		switch {
		case slices.Contains(tuning, name), unsupported[name] != "" && obeyed(config, name, value):
			delete(params, name)
		case unsupported[name] != "":
			return fmt.Errorf("the database's connection string cannot be used: %s%s is not supported: %s", name, orVariable(name), unsupported[name])
		case !serverParameter.MatchString(name) && strings.ContainsAny(name, ":/@"):
			return unreadable(wantPairs)
		case !serverParameter.MatchString(name):
			return unreadable("it has a parameter that is none of PostgreSQL's (a typing error, or a part of the password that is not quoted or escaped)")
		}
	}
	if slices.ContainsFunc(tlsConfigs(config), func(c *tls.Config) bool { return c.MaxVersion != 0 && c.MinVersion > c.MaxVersion }) {
		return errors.New("the database's connection string cannot be used: ssl_min_protocol_version is above ssl_max_protocol_version")
	}
	return nil
}

func orVariable(name string) string {
	for variable, of := range variables {
		if of == name {
			return " (or " + variable + ")"
		}
	}
	return ""
}

// obeyed reports whether a parameter asks for nothing, or for something that is supported; obeyed then sets it.
func obeyed(config *pgx.ConnConfig, name, value string) bool {
	switch name {
	case "gssencmode":
		return value == "" || value == "prefer" || value == "disable"
	case "requiressl":
		return value == "" || value == "0"
	case "ssl_min_protocol_version":
		version, known := tlsVersions[strings.ToLower(value)]
		for _, c := range tlsConfigs(config) {
			c.MinVersion = version
		}
		return known
	case "ssl_max_protocol_version":
		version, known := tlsVersions[strings.ToLower(value)]
		for _, c := range tlsConfigs(config) {
			c.MaxVersion = version
		}
		return known && (value == "" || version != 0)
	}
	return value == ""
}

// tlsVersions maps a name to a version. 0 is Go's own limit: Go speaks 1.2 and 1.3.
var tlsVersions = map[string]uint16{"": 0, "tlsv1": 0, "tlsv1.1": 0, "tlsv1.2": tls.VersionTLS12, "tlsv1.3": tls.VersionTLS13}

func tlsConfigs(config *pgx.ConnConfig) []*tls.Config {
	list := []*tls.Config{config.TLSConfig}
	for _, fallback := range config.Fallbacks {
		list = append(list, fallback.TLSConfig)
	}
	return slices.DeleteFunc(list, func(c *tls.Config) bool { return c == nil })
}
