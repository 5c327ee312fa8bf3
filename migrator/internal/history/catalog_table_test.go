package history

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func columns(namesAndTypes ...string) map[string]string {
	all := map[string]string{}
	for i := 0; i < len(namesAndTypes); i += 2 {
		all[namesAndTypes[i]] = namesAndTypes[i+1]
	}
	return all
}

func TestATableTellsByItsColumnsWhoseItIs(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		columns map[string]string
		want    string
	}{
		{columns("version", "character varying", "applied_at", "timestamp without time zone", "checksum", "character varying"), ""},
		{columns("version", "text", "applied_at", "timestamp with time zone", "checksum", "text"), ""},
		{columns("version", "character varying", "applied_at", "timestamp without time zone", "checksum", "character", "note", "text"), ""},
		{columns("version", "bigint", "dirty", "boolean"), "golang-migrate"},
		{columns("version", "character varying"), "dbmate or Rails"},
		{columns("version", "bigint", "applied_at", "timestamp without time zone", "checksum", "text"), "another tool"},
		{columns("version", "text", "applied_at", "timestamp without time zone", "checksum", "bytea"), "another tool"},
		{columns("version", "text", "applied_at", "timestamp without time zone"), "another tool"},
		{columns("id", "integer", "name", "text"), "another tool"},
		{nil, "another tool"},
	} {
		require.Equal(t, c.want, (&CatalogTable{Name: "schema_migrations", Columns: c.columns}).Owner(), "%v", c.columns)
	}
}
