package script

import (
	"fmt"
	"slices"
	"strings"

	"github.com/agent-shaker/agent-shaker/migrator/internal/sqltext"
)

// What a script has in addition on Citus, all of it nothing elsewhere. The coordinator runs a file's statements on its
// workers too, over connections of its own, which have the settings of the role and not those of this transaction.

// keepFromWorkers keeps our own settings from being sent on to the workers, as a role or a file may have asked for: what
// is sent is the message that a setting is part of, and that has the history in it, which is on the coordinator alone.
func (s Writer) keepFromWorkers() []Op { return Local(s.keptFromWorkers()) }

func (s Writer) keptFromWorkers() []setting {
	if !s.Citus {
		return nil
	}
	return []setting{{"citus.propagate_set_commands", "none"}}
}

// tellWorkers gives the workers the limits under which the file runs: who waits for one of their locks keeps others
// waiting there too, and a role's statement_timeout would end a long statement. In a block each setting is sent alone.
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

// localTables has Citus leave the history table alone when it is made.
func (s Writer) localTables() []Op {
	if !s.Citus {
		return nil
	}
	return []Op{Frame("set local citus.use_citus_managed_tables = off")}
}

// RequireCoordinator refuses a history that is not the coordinator's own. A worker has a schema of the same look without the rows,
// and would begin a second history; and in a table that Citus manages the seal cannot know its row.
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

// shardAnswers are SQL rows r (success, result) of what the placements of a table's shards say when they are asked whether
// their part of an index is valid. Citus commits the coordinator's index as valid, before it marks it invalid and builds
// the shards': what was cut off in between looks done here.
func shardAnswers(index, table string) string {
	return fmt.Sprintf(`(
	select array_agg(p.nodename order by p.placementid) as names, array_agg(p.nodeport::int4 order by p.placementid) as ports,
		array_agg(format('select exists (select from pg_catalog.pg_index where indexrelid = pg_catalog.to_regclass(%%L) and indisvalid)', shard_name(%s::regclass, p.shardid)) order by p.placementid) as queries
	from pg_dist_shard_placement p join pg_dist_shard d using (shardid) where d.logicalrelid = %s
) s cross join lateral master_run_on_worker(s.names, s.ports, s.queries, false) r`, index, table)
}
