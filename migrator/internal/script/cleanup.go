package script

import (
	"fmt"
	"slices"
	"strings"

	"github.com/agent-shaker/agent-shaker/migrator/internal/sqltext"
)

// resetAll sets every setting back to the value with which the session began.
const resetAll = "reset all"

// resets undo the settings of a file, above all its role and search_path, so that our own statements do not run under them.
// UNLISTEN is among them because in a later transaction it would come too late: the session would listen until that one ends.
func resets() []Op { return slices.Clone(resetting) }

var resetting = []Op{Frame("reset session authorization"), Frame("reset role"), Frame(resetAll), Frame("unlisten *")}

// free frees prepared statements and advisory locks, which outlive a transaction. Neither the next file nor the next client of a
// pooler may see them.
func (s Writer) free() []Op {
	deallocate := s.deallocate()
	deallocate.Prepared = keepsPrepared
	return append([]Op{deallocate, s.unlock()}, s.Idle()...)
}

// clean frees everything that a session may still hold after a rollback.
func (s Writer) clean() []Op {
	return append([]Op{clean("discard temp"), s.deallocate(), clean("close all"), s.unlock()}, s.Idle()...)
}

// unlock releases the advisory locks that a file has left over. If the session keeps the run lock, no other run may get it
// meanwhile: the transaction holds it until the session has taken it again. So the session also gets a run lock back that the
// file has released.
func (s Writer) unlock() Op { return clean(sqltext.Block(s.unlocking())) }

func (s Writer) unlocking() string {
	calls := []string{"pg_advisory_unlock_all()"}
	if s.KeepsLock {
		key := fmt.Sprintf("(%d)", s.Table.LockKey())
		calls = []string{"pg_try_advisory_xact_lock" + key, calls[0], "pg_try_advisory_lock" + key}
	}
	return "  perform pg_catalog." + strings.Join(calls, "; perform pg_catalog.") + ";"
}

// deallocate frees prepared statements. Behind a pooler it frees only those made by PREPARE: the pooler may keep prepared
// statements of its other clients in this session, and would not notice that they are gone.
func (s Writer) deallocate() Op {
	if s.Pooled {
		return clean(sqltext.Block(deallocateWhere("p.from_sql")))
	}
	return clean("deallocate all")
}

// discards close cursors and drop temporary tables in the transaction, before the seal. By then the deferred triggers, which may
// use them, have fired. PostgreSQL does not drop a table on which a cursor is open.
var discards = []Op{Frame("close all"), Frame("discard temp")}

// deallocateWhere is the body of a block that frees the prepared statements p that meet a condition.
func deallocateWhere(condition string) string {
	return "  declare name pg_catalog.text; begin\n  for name in select p.name from pg_catalog.pg_prepared_statements p where " + condition + " loop\n    execute pg_catalog.format('deallocate %I', name);\n  end loop; end;"
}

// Abort returns the operations to send after an error instead of the rest of a step: they roll back and free everything.
func (s Writer) Abort() []Op { return append(s.Rollback(), s.clean()...) }

// Rollback returns the operations of Abort that roll back and reset the settings. The session keeps prepared statements, advisory
// locks and temporary tables, which the next statements of a no-transaction file may use.
func (s Writer) Rollback() []Op {
	return append([]Op{Frame("rollback")}, resets()...)
}
