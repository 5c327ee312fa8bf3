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
	if err != nil || misread(connString) {
		return nil, errConnString
	}
	return config, nil
}

// misread reports whether a URL has an @ where none belongs: beside the one that ends the password, or after the hosts.
func misread(connString string) bool {
	rest, isURL := strings.CutPrefix(connString, "postgres://")
	if !isURL {
		rest, isURL = strings.CutPrefix(connString, "postgresql://")
	}
	rest, _, _ = strings.Cut(rest, "?")
	authority, path, _ := strings.Cut(rest, "/")
	return isURL && (strings.Count(authority, "@") > 1 || strings.Contains(path, "@"))
}
