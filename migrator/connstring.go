package migrator

import (
	"errors"
	"os"

	"github.com/jackc/pgx/v5"
)

const (
	wantURL   = "want postgres://user:password@host:5432/name"
	wantPairs = "want key=value pairs with spaces between them, or postgres://user:password@host:5432/name"
	escapes   = "special characters of user and password are written %XX: @ is %40, : is %3A, / is %2F, ? is %3F, # is %23, % is %25"
)

// ParseConfig is like pgx.ParseConfig, but its errors are safe to log. Any part of an unreadable string may be the password, so
// errors quote nothing of the string but a known scheme.
//
// It refuses strings that pgx would misread, sending a part of them to another host. It leaves out parameters of other drivers
// that only tune. Parameters that protect the connection are honoured (ssl_min_protocol_version, ssl_max_protocol_version) or
// refused, and so are variables with the same meaning (PGHOSTADDR, PGSSLCRL, PGGSSENCMODE …).
func ParseConfig(connString string) (*pgx.ConnConfig, error) {
	if reason := malformed(connString); reason != "" {
		return nil, unreadable(reason)
	}
	config, err := pgx.ParseConfig(connString)
	if err != nil {
		return nil, unreadable(parseFailure(connString, err))
	}
	if reason := misread(connString, config); reason != "" {
		return nil, unreadable(reason)
	}
	if err := settleParameters(config, os.Getenv); err != nil {
		return nil, err
	}
	return config, nil
}

func unreadable(reason string) error {
	return errors.New("the database's connection string cannot be read: " + reason)
}
