package migrator

import (
	"errors"
	"strings"

	"github.com/jackc/pgx/v5"
)

// errConnString quotes nothing: any part of a string that cannot be read may be the password.
var errConnString = errors.New("the database's connection string cannot be read: want postgres://user:password@host:5432/name, in which special characters of the password are written %XX (@ is %40, : is %3A, / is %2F, # is %23, ? is %3F), or key=value pairs, in which values with spaces are quoted; look also at sslmode, at the certificates, and at the PG* variables")

// ParseConfig is pgx.ParseConfig with errors that a log may hold. pgx quotes a string that it cannot read, and takes some that
// are not what was meant: of a URL whose password has an unescaped @, a part becomes the host's name and is told to everybody
// when there is no such host.
func ParseConfig(connString string) (*pgx.ConnConfig, error) {
	config, err := pgx.ParseConfig(connString)
	if err != nil || misread(connString, config) {
		return nil, errConnString
	}
	return config, nil
}

// misread reports whether a URL has an @ where none belongs: in the name of a host, or after the hosts.
func misread(connString string, config *pgx.ConnConfig) bool {
	rest, isURL := strings.CutPrefix(connString, "postgres://")
	if !isURL {
		rest, isURL = strings.CutPrefix(connString, "postgresql://")
	}
	if !isURL {
		return false
	}
	hosts := []string{config.Host}
	for _, fallback := range config.Fallbacks {
		hosts = append(hosts, fallback.Host)
	}
	for _, host := range hosts {
		if strings.Contains(host, "@") && !strings.HasPrefix(host, "/") { // a directory may hold one
			return true
		}
	}
	rest, _, _ = strings.Cut(rest, "?")
	_, path, _ := strings.Cut(rest, "/")
	unescaped := strings.Contains(config.Database, "@") && strings.Contains(connString, "/"+config.Database)
	return strings.Contains(path, "@") || unescaped
}
