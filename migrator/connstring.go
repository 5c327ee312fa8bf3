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

// ParseConfig is pgx.ParseConfig with errors that a log may hold: any part of a string that cannot be read may be the
// password, so they quote nothing of it but a known scheme. It refuses what pgx would misread, and of which a part would go
// to another host. Parameters of other drivers that only tune are left out. Those that protect the connection are honoured
// (ssl_min_protocol_version, ssl_max_protocol_version) or refused, and so are the variables of the same meaning
// (PGHOSTADDR, PGSSLCRL, PGGSSENCMODE …).
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
