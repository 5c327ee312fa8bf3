package history

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestWhatTheServerAnswersIsUnderstood(t *testing.T) {
	t.Parallel()
	var s Server
	require.NoError(t, json.Unmarshal([]byte(`{"schema": null, "user": "joe", "platform": "PostgreSQL 15.4 on x86_64-pc-linux-gnu", "pid": 4000000000,
		"deadlock_timeout": 0.25, "standby": true, "citus": true, "resolved": null, "tables": null, "new": 1}`), &s))
	require.Equal(t, Server{User: "joe", Instance: Instance{Platform: "PostgreSQL 15.4 on x86_64-pc-linux-gnu", PID: 4_000_000_000, DeadlockTimeout: 0.25, Standby: true, Citus: true}}, s)
	require.NoError(t, json.Unmarshal([]byte(`{"schema": "app", "resolved": 4294967295, "tables": [{"oid": 4294967295, "schema": "app", "name": "h", "columns": null, "keyed": false}]}`), &s))
	require.Equal(t, "h", s.Find(Table{"app", "h"}).Name)
	require.Nil(t, s.Find(Table{"public", "h"}))
}

func TestClientsAreCheckedWhereTheServerCan(t *testing.T) {
	t.Parallel()
	for platform, want := range map[string]bool{
		"PostgreSQL 18.1 (Debian 18.1-1) on x86_64-pc-linux-gnu, compiled by gcc": true,
		"PostgreSQL 15.4 on aarch64-unknown-linux-musl":                           true,
		"PostgreSQL 14.9 on x86_64-pc-linux-gnu":                                  true,
		"PostgreSQL 14.9 on aarch64-apple-darwin21":                               false,
		"PostgreSQL 15.1 on aarch64-apple-darwin22":                               true,
		"PostgreSQL 16.0 on amd64-portbld-freebsd13.2":                            true,
		"PostgreSQL 17.0 on x86_64-windows, compiled by msvc":                     false,
		"PostgreSQL 16.2, compiled by Visual C++ build 1937, 64-bit":              false,
		"": false,
	} {
		require.Equal(t, want, (&Instance{Platform: platform}).ChecksClients(), platform)
	}
}

// The setting is of 14; to an older server it is an error that no file survives.
func TestAServerBefore14IsNotAskedToCheckItsClients(t *testing.T) {
	t.Parallel()
	require.False(t, (&Instance{Platform: "PostgreSQL 13.12 on x86_64-pc-linux-gnu"}).ChecksClients())
}
