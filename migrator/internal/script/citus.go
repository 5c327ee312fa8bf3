package script

import (
	"fmt"
	"slices"
	"strings"

	"github.com/agent-shaker/agent-shaker/migrator/internal/sqltext"
)

// This file holds the operations that a script has only on Citus. On other servers these functions return nothing.
//
// The coordinator runs a file's statements on its workers too, over connections of its own. Those connections have the settings
// of the role, not the settings of this transaction.

// keepFromWorkers stops Citus from sending our own settings on to the workers, in case a role or a file has turned that on. Citus
// would send the whole message that contains the setting. That message also writes the history, which only the coordinator has.
func (s Writer) keepFromWorkers() []Op { return Local(s.keptFromWorkers()) }

func (s Writer) keptFromWorkers() []setting {
	if !s.Citus {
		return nil
	}
	return []setting{{"citus.propagate_set_commands", "none"}}
}

// tellWorkers sets the limits of the file on the workers too. A statement that waits for a lock on a worker makes others queue
// behind it, and a role's statement_timeout would end a long statement there. The settings are in a DO block because Citus sends
// each setting in a block by itself, without the rest of the message.
func (s Writer) tellWorkers(limit Op) []Op {
	if !s.Citus {
		return nil
	}
	var body strings.Builder
	body.WriteString("  set local citus.propagate_set_commands = local")
	for _, o := range slices.Concat(s.limits(), []Op{limit}, s.keepFromWorkers()) {
		body.WriteString(";\n  " + o.SQL)
	}
	body.WriteString(";")
	return []Op{Frame(sqltext.Block(body.String()))}
}

// localTables stops Citus from managing the tables that the tool creates.
func (s Writer) localTables() []Op {
	if !s.Citus {
		return nil
	}
	return []Op{Frame("set local citus.use_citus_managed_tables = off")}
}

// RequireCoordinator returns operations that fail if the history is not a plain table on the coordinator. It returns none if the
// server does not have Citus. A worker has the same tables without the rows, so a run there would begin a second history. In a
// table that Citus manages, the seal cannot recognize its own row.
func (s Writer) RequireCoordinator() []Op {
	if !s.Citus {
		return nil
	}
	name := sqltext.Literal(s.Table.SQL())
	return []Op{Frame(sqltext.Block(fmt.Sprintf(`  if exists (select from pg_catalog.pg_dist_local_group where groupid operator(pg_catalog.<>) 0) then
    raise exception using message = 'this server is a worker of Citus', hint = 'connect to the coordinator, which keeps the history';
  end if;
  if exists (select from pg_catalog.pg_dist_partition where logicalrelid operator(pg_catalog.=) pg_catalog.to_regclass(%s)) then
    raise exception using message = %s,
      hint = %s;
  end if;`, name, sqltext.Literal("Citus manages the history table "+s.Table.String()),
		sqltext.Literal("make it a table of PostgreSQL alone with select pg_catalog.undistribute_table("+name+"), or name one in a schema that is not distributed"))))}
}

// shardAnswers is an item of an SQL FROM clause: rows r (success, result), one for each placement of a table's shards. The result
// is t if the part of the index on that placement is valid.
//
// Citus commits the coordinator's index as valid before it marks it invalid and builds the indexes of the shards. So a build that
// was interrupted in between looks complete on the coordinator.
func shardAnswers(index, table string) string {
	return fmt.Sprintf(`(
	select array_agg(p.nodename order by p.placementid) as names, array_agg(p.nodeport::int4 order by p.placementid) as ports,
		array_agg(format('select exists (select from pg_catalog.pg_index where indexrelid = pg_catalog.to_regclass(%%L) and indisvalid)', shard_name(%s::regclass, p.shardid)) order by p.placementid) as queries
	from pg_dist_shard_placement p join pg_dist_shard d using (shardid) where d.logicalrelid = %s
) s cross join lateral master_run_on_worker(s.names, s.ports, s.queries, false) r`, index, table)
}
