package migrator

import (
	"fmt"
	"slices"
	"strings"
)

// What a script has in addition on Citus, all of it nothing elsewhere. The coordinator runs a file's statements on its
// workers too, over connections of its own, which have the settings of the role and not those of this transaction.

// keepFromWorkers keeps our own settings from being sent on to the workers, as a role or a file may have asked for: what
// is sent is the message that a setting is part of, and that has the history in it, which is on the coordinator alone.
func (s scripter) keepFromWorkers() []operation {
	if !s.citus {
		return nil
	}
	return []operation{frame("set local citus.propagate_set_commands = none")}
}

// tellWorkers gives the workers the limits under which the file runs: who waits for one of their locks keeps others
// waiting there too, and a role's statement_timeout would end a long statement. In a block each setting is sent alone.
func (s scripter) tellWorkers(limit operation) []operation {
	if !s.citus {
		return nil
	}
	var body strings.Builder
	body.WriteString("  set local citus.propagate_set_commands = local")
	for _, o := range slices.Concat(s.limits(), []operation{limit}, s.keepFromWorkers()) {
		body.WriteString(";\n  " + o.sql)
	}
	body.WriteString(";")
	return []operation{frame(block(body.String()))}
}

// localTables has Citus leave the history table alone when it is made.
func (s scripter) localTables() []operation {
	if !s.citus {
		return nil
	}
	return []operation{frame("set local citus.use_citus_managed_tables = off")}
}

// stayHome refuses a history that is not the coordinator's own. A worker has a schema of the same look without the rows,
// and would begin a second history; and in a table that Citus manages the seal cannot know its row.
func (s scripter) stayHome() []operation {
	if !s.citus {
		return nil
	}
	name := literal(s.table.sql())
	return []operation{frame(block(fmt.Sprintf(`  if exists (select from pg_catalog.pg_dist_local_group where groupid operator(pg_catalog.<>) 0) then
    raise exception using message = 'this server is a worker of Citus', hint = 'connect to the coordinator, which keeps the history';
  end if;
  if exists (select from pg_catalog.pg_dist_partition where logicalrelid operator(pg_catalog.=) pg_catalog.to_regclass(%s)) then
    raise exception using message = %s,
      hint = %s;
  end if;`, name, literal("Citus manages the history table "+s.table.String()),
		literal("make it a table of PostgreSQL alone with select pg_catalog.undistribute_table("+name+"), or name one in a schema that is not distributed"))))}
}
