package history

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// typesOf are those of the columns of an entry of otherTools.
func typesOf(tool otherTool) map[string]string {
	types := map[string]string{}
	all, _ := tool.all()
	for _, column := range all {
		name, family, _ := strings.Cut(column, " ")
		types[name] = map[string]string{"int": "bigint", "text": "character varying", "time": "timestamp with time zone", "bool": "boolean", "bytes": "bytea"}[family]
	}
	return types
}

func TestEachToolIsRecognizedByItsColumnsAndIsTakenForNoOther(t *testing.T) {
	t.Parallel()
	for _, tool := range otherTools {
		named := "migrations"
		if tool.like != "" && !strings.Contains(named, tool.like) {
			named = tool.like
		}
		for _, name := range []string{tool.table, named} {
			if name == "" {
				continue
			}
			c := CatalogTable{Name: name, Columns: typesOf(tool)}
			found := ToolOf(&c)
			require.NotNil(t, found, tool.Name)
			require.Equal(t, tool.Name, found.Name, name)
			require.NotEmpty(t, c.Owner())
		}
		require.NotContains(t, typesOf(tool), "", tool.Name)
		for _, family := range typesOf(tool) {
			require.NotEmpty(t, family, tool.Name)
		}
		for column := range strings.SplitSeq(tool.order+", "+tool.read, ", ") {
			require.Contains(t, typesOf(tool), column, "%s is asked for a column that it need not have", tool.Name)
		}
	}
}

func TestATableOfAnotherToolsNameWithOtherColumnsIsNotItsHistory(t *testing.T) {
	t.Parallel()
	for _, c := range []CatalogTable{
		{Name: "goose_db_version", Columns: columns("x", "text")},
		{Name: "schema_version", Columns: columns("version_partition", "integer", "curr_version", "character varying")}, // Temporal's
		{Name: "schema_version", Columns: columns("version", "text")},
		{Name: "version", Columns: columns("version", "integer")}, // pg-boss's
		{Name: "river_migration", Columns: columns("line", "text", "version", "bigint", "created_at", "timestamp with time zone")},
		{Name: "river_migration", Columns: columns("id", "bigint", "created_at", "timestamp with time zone", "version", "bigint")}, // before its version 5
		{Name: "migrations", Columns: columns("id", "integer", "ts", "timestamp with time zone", "breaking", "boolean")},           // graphile-worker's
		{Name: "users", Columns: columns("id", "bigint", "name", "text")},
		{Name: "applied", Columns: columns("id", "text", "applied_at", "timestamp with time zone")},
		{Name: "schema_migrations"},
	} {
		require.Nil(t, ToolOf(&c), "%s %v", c.Name, c.Columns)
	}
}

func TestTheNewestVersionIsOneThatTheToolHasApplied(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		tool string
		rows [][]string
		want string
	}{
		{"golang-migrate", [][]string{{"12", "f"}}, "12"},
		{"golang-migrate", [][]string{{"12", "t"}}, "12 (dirty)"},
		{"golang-migrate", [][]string{{"-1", "t"}}, ""},
		{"goose", [][]string{{"0", "t"}}, ""},
		{"goose", [][]string{{"3", "f"}, {"2", "t"}, {"0", "t"}}, "2"},
		{"goose", [][]string{{"5", "f"}, {"5", "t"}, {"0", "t"}}, ""},
		{"goose", [][]string{{"5", "f"}, {"5", "t"}, {"4", "t"}, {"0", "t"}}, "4"},
		{"goose", [][]string{{"5", "t"}, {"5", "f"}, {"5", "t"}}, "5"},
		{"Flyway", [][]string{{"", "f", "SQL", "R__views.sql"}, {"", "t", "SQL", "R__views.sql"}, {"1", "t", "SQL", "V1__init.sql"}}, "R__views.sql"},
		{"Flyway", [][]string{{"1.1", "t", "BASELINE", "<< Flyway Baseline >>"}}, "1.1 (baseline)"},
		{"Flyway", [][]string{{"", "t", "SCHEMA", `"app"`}}, ""},
		{"Flyway", [][]string{{"1", "t", "UNDO_SQL", "U1__init.sql"}, {"1", "t", "SQL", "V1__init.sql"}}, ""},
		{"Flyway", [][]string{{"2", "t", "DELETE", "V2__a.sql"}, {"2", "t", "SQL", "V2__a.sql"}, {"1", "t", "SQL", "V1__init.sql"}}, "V1__init.sql"},
		{"Atlas", [][]string{{".atlas_cloud_identifier"}, {"20240101"}}, "20240101"},
		{"Prisma", [][]string{{"3_c", "", ""}, {"2_b", "2024", "2024"}, {"1_a", "2024", ""}}, "1_a"},
		{"Django", [][]string{{"auth", "0001_initial"}}, "auth.0001_initial"},
		{"tern", [][]string{{"0"}}, ""},
		{"Alembic", nil, ""},
	} {
		for _, tool := range otherTools {
			if tool.Name == c.tool {
				require.Equal(t, c.want, tool.Newest(c.rows), "%s %v", c.tool, c.rows)
			}
		}
	}
}
