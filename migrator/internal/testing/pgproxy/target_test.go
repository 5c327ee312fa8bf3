package pgproxy

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestATargetIsReplacedByTheProxyAndNothingElseIsChanged(t *testing.T) {
	t.Setenv("PGPORT", "")
	for _, test := range []struct{ target, address, through string }{
		{"postgres://u:p%40@db:5433/name?sslmode=disable&application_name=a%20b", "db:5433", "postgres://u:p%40@127.0.0.1:1/name?sslmode=disable&application_name=a%20b"},
		{"postgresql://db/name", "db:5432", "postgresql://127.0.0.1:1/name"},
		{"postgres:///name?host=%2Frun%2Fpg&port=5433&x=y", "/run/pg/.s.PGSQL.5433", "postgres://127.0.0.1:1/name?x=y"},
		{"postgres://u@[::1]:5433/name", "[::1]:5433", "postgres://u@127.0.0.1:1/name"},
		{"db:5433", "db:5433", "postgres://127.0.0.1:1"},
	} {
		target, err := parseTarget(test.target)
		require.NoError(t, err, test.target)
		require.Equal(t, test.address, target.address)
		require.Equal(t, test.through, target.through("127.0.0.1:1"))
	}
}

func TestATargetThatAProxyCannotServeIsRefused(t *testing.T) {
	t.Parallel()
	for target, reason := range map[string]string{
		"localhost":                           "a postgres:// URL or host:port is needed",
		"postgres://u:secret@a,b/name":        "a proxy has one server, this names 2",
		"postgres://db/name?sslmode=require":  "sslmode must allow plain ones",
		"postgres://db/name?sslmode=nonsense": "sslmode",
		"postgres://db:port/name":             "port",
		"mysql://db/name":                     "",
	} {
		_, err := parseTarget(target)
		require.ErrorContains(t, err, reason, target)
		require.NotContains(t, err.Error(), "secret")
	}
}
