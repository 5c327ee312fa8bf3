package script

import (
	"fmt"
	"strings"

	"github.com/agent-shaker/agent-shaker/migrator/internal/sqlfile"
	"github.com/agent-shaker/agent-shaker/migrator/internal/sqltext"
)

// ProceduresSQL is a query for the language and source of the procedures that calls may mean. Several procedures may fit the same
// name and number of arguments. calls must not be empty.
func ProceduresSQL(calls []sqlfile.Procedure) string {
	var conditions []string
	for _, c := range calls {
		where := "pg_catalog.pg_function_is_visible(p.oid)"
		if c.Schema != "" {
			where = "n.nspname operator(pg_catalog.=) " + sqltext.Literal(c.Schema)
		}
		conditions = append(conditions, fmt.Sprintf(`(p.proname operator(pg_catalog.=) %s and %s
	and p.pronargs operator(pg_catalog.-) p.pronargdefaults operator(pg_catalog.<=) %[3]d
	and (p.provariadic operator(pg_catalog.<>) 0::pg_catalog.oid or %[3]d operator(pg_catalog.<=) coalesce(pg_catalog.array_length(p.proallargtypes, 1), p.pronargs)))`,
			sqltext.Literal(c.Name), where, c.Arguments))
	}
	return `select l.lanname, p.prosrc from pg_catalog.pg_proc p
join pg_catalog.pg_language l on l.oid operator(pg_catalog.=) p.prolang
join pg_catalog.pg_namespace n on n.oid operator(pg_catalog.=) p.pronamespace
where p.prokind operator(pg_catalog.=) 'p' and (` + strings.Join(conditions, " or ") + ")"
}
