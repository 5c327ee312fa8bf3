package sqlfile

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestAFileThatMakesCitusIsRecognized(t *testing.T) {
	t.Parallel()
	for sql, want := range map[string]bool{
		"create extension citus": true, "select 1;\nCREATE EXTENSION IF NOT EXISTS citus CASCADE;": true,
		"create extension hstore": false, "drop extension citus": false, "-- create extension citus\nselect 'create extension citus'": false,
	} {
		file, err := fileOf("1_x.sql", sql)
		require.NoError(t, err)
		require.Equal(t, want, file.MakesCitus(), sql)
	}
}
