package migrator

import (
	"fmt"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// otherSchemes may be quoted in an error. Anything else before :// may be a password.
var otherSchemes = []string{
	"cockroach", "cockroachdb", "crdb-postgres", "http", "https", "mariadb", "mysql", "pg", "pgsql", "pgx", "pgx4", "pgx5", "postgis",
	"postgres+psycopg2", "postgresql+asyncpg", "postgresql+psycopg", "postgresql+psycopg2", "prisma+postgres", "psql", "redshift",
	"sqlite", "sqlite3", "sqlserver", "tcp", "timescaledb",
}

var (
	// placeholder matches ${NAME} or $(NAME) in the place of a whole part. Inside a password it may be intended.
	placeholder = regexp.MustCompile(`(?:^|[:/@=.,])\$(?:\{[A-Za-z_]\w*(?::?[-+?=][^}]*)?\}|\([A-Za-z_]\w*\))(?:[:/@?&.,\s]|$)`)
	hostName    = regexp.MustCompile(`^[\p{L}\p{N}._-]+$`)
	semicolons  = regexp.MustCompile(`;[\w ]+=`)
)

const quotes = "\"'`“”‘’"

// malformed says what is wrong with the form of a connection string before pgx reads it; "" if nothing is.
func malformed(s string) string {
	trimmed := strings.TrimSpace(s)
	isURL := urlScheme(trimmed) != ""
	switch {
	case s != "" && trimmed == "":
		return "it is nothing but spaces"
	case isURL && strings.TrimLeft(s, " ") != s:
		return "there is a space before it"
	case isURL && strings.TrimRight(s, " ") != trimmed:
		return "there is a line break or a tab before or after it: take it away (tr -d '\\r\\n' does)"
	case strings.TrimLeft(trimmed, quotes) != trimmed, isURL && strings.TrimRight(trimmed, quotes) != trimmed:
		return "there are quotes around it, which a shell takes away but an env file or a YAML block may keep"
	case placeholder.MatchString(s):
		return "a ${…} in it was not replaced by the value of that variable"
	case isURL:
		return wrongScheme(urlScheme(s))
	}
	return ""
}

// urlScheme returns the text up to ://, or "" if it contains a =. For example, password=a://b is a pair.
func urlScheme(s string) string {
	scheme, _, found := strings.Cut(s, "://")
	if !found || strings.Contains(scheme, "=") {
		return ""
	}
	return scheme + "://"
}

func wrongScheme(scheme string) string {
	scheme = strings.TrimSuffix(scheme, "://")
	name := strings.ToLower(scheme)
	switch {
	case scheme == "postgres" || scheme == "postgresql":
		return ""
	case name == "postgres" || name == "postgresql":
		return name + ":// is written in small letters"
	case strings.HasPrefix(name, "jdbc:"):
		return "it is a URL for JDBC; " + wantURL
	case slices.Contains(otherSchemes, name):
		return fmt.Sprintf("it begins with %s://, which is not PostgreSQL's; %s", name, wantURL)
	}
	return "what stands before :// is not postgres or postgresql; " + wantURL
}

// misread says which part of a string pgx has misread; "" if none.
func misread(s string, config *pgx.ConnConfig) string {
	isURL := urlScheme(s) != ""
	want := wantPairs
	if isURL {
		want = escapes
	}
	texts := []string{config.User, config.Database}
	for name, value := range config.RuntimeParams {
		texts = append(texts, name, value)
	}
	switch {
	case semicolons.MatchString(config.Host), !isURL && slices.ContainsFunc(texts, semicolons.MatchString):
		return "there are semicolons between its parts; " + wantPairs
	case !realHosts(config):
		return "what stands where a host belongs is not the name of one (look at PGHOST too); " + want
	case strings.Contains(config.Database, "://"):
		return "the database's name is a URL (look at PGDATABASE too); give that URL as the connection string itself"
	case strings.Contains(config.User, ":") && (isURL || config.Password == ""):
		return "there is a : in the user's name; between user and password a : is not escaped"
	case isURL && strandedAt(s):
		return "there is an @ after the host; " + escapes
	}
	return ""
}

func realHosts(config *pgx.ConnConfig) bool {
	hosts := []string{config.Host}
	for _, fallback := range config.Fallbacks {
		hosts = append(hosts, fallback.Host)
	}
	return !slices.ContainsFunc(hosts, func(host string) bool {
		if network, _ := pgconn.NetworkAddress(host, config.Port); network == "unix" || hostName.MatchString(host) {
			return false
		}
		_, err := netip.ParseAddr(host)
		return err != nil
	})
}

// mayHoldAt has the parameters whose values may contain an @. In any other value it comes from a password with a / and a ?.
var mayHoldAt = []string{
	"application_name", "dbname", "fallback_application_name", "host", "krbspn", "krbsrvname", "options", "passfile", "password", "role", "search_path",
	"service", "servicefile", "sslcert", "sslcrl", "sslkey", "sslpassword", "sslrootcert", "user",
}

// strandedAt reports whether a URL has an @ after the hosts, where none belongs.
func strandedAt(s string) bool {
	rest := strings.TrimPrefix(s, urlScheme(s))
	if i := strings.IndexAny(rest, "@/"); i >= 0 && rest[i] == '@' {
		rest = rest[i+1:]
	}
	rest, query, _ := strings.Cut(rest, "?")
	if strings.Contains(rest, "@") {
		return true
	}
	for pair := range strings.SplitSeq(query, "&") {
		name, value, _ := strings.Cut(pair, "=")
		name, _ = url.QueryUnescape(name)
		if strings.Contains(value, "@") && !strings.Contains(name, ".") && !slices.Contains(mayHoldAt, name) {
			return true
		}
	}
	return false
}
