package history

import (
	"slices"
	"strings"

	"github.com/agent-shaker/agent-shaker/migrator/internal/sqltext"
)

// An otherTool describes how another migration tool records what it has applied.
type otherTool struct {
	Name    string // for people
	table   string // a table name that nobody else uses; its columns may differ between versions of the tool
	like    string // part of other names for it, in lower case; "": any name, the columns tell
	columns string // each with the family of its type, the rarest first; a list that ends in … is incomplete
	order   string // the column whose value grows with each row
	read    string // the columns that recorded receives
	// recorded returns the version of a row; "" if the row does not count. Then older rows with the same first column do not
	// count either. If it is nil, the version is the only column that is read.
	recorded func(row []string) string
}

// otherTools are tried in this order. The tables of libraries that migrate themselves, such as River or graphile-worker, must
// match none of them.
var otherTools = []otherTool{
	{"golang-migrate", "", "", "dirty bool, version int", "version", "version, dirty", func(row []string) string {
		return ifTrue(!strings.HasPrefix(row[0], "-"), row[0]+ifTrue(row[1] == "t", " (dirty)"))
	}},
	{"goose", "goose_db_version", "", "version_id int, id int, is_applied bool, tstamp time", "id", "version_id, is_applied", func(row []string) string {
		return ifTrue(row[0] != "0" && row[1] == "t", row[0])
	}},
	{"Flyway", "flyway_schema_history", "", "installed_rank int, version text, description text, type text, script text, success bool, …", "installed_rank", "version, success, type, script", ofFlyway},
	{"Liquibase", "databasechangelog", "", "exectype text, id text, author text, filename text, orderexecuted int, md5sum text, …", "orderexecuted", "id", nil},
	{"Atlas", "atlas_schema_revisions", "", "executed_at time, version text, description text, type int, applied int, total int, hash text, …", "executed_at", "version", func(row []string) string {
		return ifTrue(!strings.HasPrefix(row[0], "."), row[0])
	}},
	{"Prisma", "_prisma_migrations", "", "rolled_back_at time, id text, checksum text, finished_at time, migration_name text, started_at time, …", "started_at", "migration_name, finished_at, rolled_back_at", func(row []string) string {
		return ifTrue(row[1] != "" && row[2] == "", row[0])
	}},
	{"sqlx", "_sqlx_migrations", "", "installed_on time, version int, description text, success bool, checksum bytes, execution_time int", "version", "version, success", whereTrue},
	{"refinery", "refinery_schema_history", "", "applied_on text, version int, name text, checksum text", "version", "version", nil},
	{"pgmigrate", "pgmigrate_migrations", "", "execution_time_in_millis int, id text, checksum text, applied_at time", "applied_at", "id", nil},
	{"Alembic", "alembic_version", "", "version_num text", "version_num", "version_num", nil},
	{"Django", "django_migrations", "", "applied time, id int, app text, name text", "id", "app, name", func(row []string) string { return row[0] + "." + row[1] }},
	{"Knex", "knex_migrations", "", "migration_time time, id int, name text, batch int", "id", "name", nil},
	{"Laravel", "", "", "migration text, id int, batch int", "id", "migration", nil},
	{"diesel", "__diesel_schema_migrations", "", "run_on time, version text", "version", "version", nil},
	{"node-pg-migrate", "pgmigrations", "", "run_on time, id int, name text", "id", "name", nil},
	{"Entity Framework", "__EFMigrationsHistory", "", "ProductVersion text, MigrationId text", "MigrationId", "MigrationId", nil},
	{"Entity Framework", "__ef_migrations_history", "", "product_version text, migration_id text", "migration_id", "migration_id", nil},
	{"Doctrine", "doctrine_migration_versions", "", "execution_time int, version text, executed_at time", "executed_at", "version", nil},
	{"sql-migrate", "gorp_migrations", "migrat", "id text, applied_at time", "applied_at", "id", nil},
	{"Ecto", "", "migrat", "version int, inserted_at time", "version", "version", nil},
	{"TypeORM", "", "migrat", "id int, timestamp int, name text", "id", "name", nil},
	{"MikroORM", "mikro_orm_migrations", "migrat", "id int, name text, executed_at time", "id", "name", nil},
	{"Drizzle", "__drizzle_migrations", "migrat", "id int, hash text, created_at int", "id", "hash", nil},
	{"SeaORM", "seaql_migrations", "migrat", "version text, applied_at int", "version", "version", nil},
	{"Kysely", "kysely_migration", "migrat", "name text, timestamp text", "name", "name", nil},
	{"dbmate or Rails", "", "migrat", "version text", "version", "version", nil},
	{"Sequelize", "SequelizeMeta", "migrat", "name text", "name", "name", nil},
	{"tern", "", "schema_version", "version int", "version", "version", func(row []string) string { return ifTrue(row[0] != "0", row[0]) }},
}

// ifTrue returns text if the condition is true, and "" otherwise.
func ifTrue(condition bool, text string) string {
	if condition {
		return text
	}
	return ""
}

// whereTrue returns the first column if the second one is true.
func whereTrue(row []string) string { return ifTrue(row[1] == "t", row[0]) }

// ofFlyway ignores the rows that do not record an applied file: failures, the schema that Flyway has created, and what was
// undone or deleted.
func ofFlyway(row []string) string {
	version, success, kind, script := row[0], row[1], row[2], row[3]
	switch {
	case success != "t", kind == "SCHEMA", kind == "DELETE", strings.HasPrefix(kind, "UNDO"):
		return ""
	case kind == "BASELINE":
		return version + " (baseline)"
	}
	return script
}

// ToolOf returns the tool whose history a table is, by its columns; nil if it is not known.
func ToolOf(c *CatalogTable) *otherTool {
	if i := slices.IndexFunc(otherTools, func(tool otherTool) bool { return tool.made(c) }); i >= 0 {
		return &otherTools[i]
	}
	return nil
}

// made reports whether the table has the name and columns of this tool's history.
func (o *otherTool) made(c *CatalogTable) bool {
	all, open := o.all()
	if c.Name == o.table {
		needed := slices.DeleteFunc(all, func(column string) bool { return !o.uses(nameOf(column)) })
		return hasColumns(c.Columns, needed)
	}
	return strings.Contains(strings.ToLower(c.Name), o.like) && (open || len(all) == len(c.Columns)) && hasColumns(c.Columns, all)
}

// all returns the columns, each with the family of its type. open: there may be others.
func (o *otherTool) all() (columns []string, open bool) {
	text, open := strings.CutSuffix(o.columns, ", …")
	return strings.Split(text, ", "), open
}

// uses reports whether Query names a column.
func (o *otherTool) uses(name string) bool {
	return name == o.order || slices.Contains(strings.Split(o.read, ", "), name)
}

func nameOf(column string) string {
	name, _, _ := strings.Cut(column, " ")
	return name
}

func hasColumns(types map[string]string, columns []string) bool {
	return !slices.ContainsFunc(columns, func(column string) bool {
		name, family, _ := strings.Cut(column, " ")
		return typeFamilies[types[name]] != family
	})
}

// typeFamilies maps types to families. A column's type differs between versions of a tool, and users change it, but its family
// stays.
var typeFamilies = map[string]string{
	"smallint": "int", "integer": "int", "bigint": "int", "numeric": "int",
	"text": "text", "character varying": "text", "character": "text",
	"timestamp without time zone": "time", "timestamp with time zone": "time",
	"boolean": "bool", "bytea": "bytes",
}

// Query returns a query for the newest 1000 rows, the newest first. It reads the columns without functions: see read_safely.go.
func (o *otherTool) Query(t Table) string {
	var columns []string
	for column := range strings.SplitSeq(o.read, ", ") {
		columns = append(columns, sqltext.Ident(column))
	}
	return ReadSafely + "select " + strings.Join(columns, ", ") + " from " + t.Rows() + " order by " + sqltext.Ident(o.order) + " desc limit 1000"
}

// Newest returns the newest version in the rows of Query; "" if nothing is recorded.
func (o *otherTool) Newest(rows [][]string) string {
	cancelled := map[string]bool{}
	for _, row := range rows {
		if cancelled[row[0]] {
			continue
		}
		version := row[0]
		if o.recorded != nil {
			version = o.recorded(row)
		}
		if version != "" {
			return version
		}
		cancelled[row[0]] = row[0] != ""
	}
	return ""
}
