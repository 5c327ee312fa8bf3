package script

import (
	"fmt"
	"slices"
	"strings"

	"github.com/agent-shaker/agent-shaker/migrator/internal/sqltext"
)

// resetAll sets every setting back to what the connection began with.
const resetAll = "reset all"

// resets take back what a file has set: it must not meet our own statements, role and search_path above all. Channels are let
// go here, since in a later transaction they would be listened to until its end.
func resets() []Op { return slices.Clone(resetting) }

var resetting = []Op{Frame("reset session authorization"), Frame("reset role"), Frame(resetAll), Frame("unlisten *")}

// free frees what outlives a transaction: it must not meet the next file, nor the next client of a pooler.
func (s Writer) free() []Op {
	deallocate := s.deallocate()
	deallocate.Prepared = keepsPrepared
	return append([]Op{deallocate, s.unlock()}, s.Idle()...)
}

// clean frees all that a session may still have.
func (s Writer) clean() []Op {
	return append([]Op{clean("discard temp"), s.deallocate(), clean("close all"), s.unlock()}, s.Idle()...)
}

// unlock frees the advisory locks that a file has left; the run lock is kept, by the transaction while it is nobody's
// session's, and taken back where the file has let it go.
func (s Writer) unlock() Op { return clean(sqltext.Block(s.unlocking())) }

func (s Writer) unlocking() string {
	calls := []string{"pg_advisory_unlock_all()"}
	if s.KeepsLock {
		key := fmt.Sprintf("(%d)", s.Table.LockKey())
		calls = []string{"pg_try_advisory_xact_lock" + key, calls[0], "pg_try_advisory_lock" + key}
	}
	return "  perform pg_catalog." + strings.Join(calls, "; perform pg_catalog.") + ";"
}

// deallocate frees prepared statements. A pooler keeps some of others in this session, and would not notice.
func (s Writer) deallocate() Op {
	if s.Pooled {
		return clean(sqltext.Block(deallocateWhere("p.from_sql")))
	}
	return clean("deallocate all")
}

// discards free what a transaction can free itself, before it commits.
var discards = []Op{Frame("discard temp"), Frame("close all")}

// deallocateWhere is what a block does about prepared statements p.
func deallocateWhere(condition string) string {
	return "  declare name pg_catalog.text; begin\n  for name in select p.name from pg_catalog.pg_prepared_statements p where " + condition + " loop\n    execute pg_catalog.format('deallocate %I', name);\n  end loop; end;"
}

// Abort is what is sent after an error, in place of the rest of a step.
func (s Writer) Abort() []Op { return append(s.Rollback(), s.clean()...) }

// Rollback keeps what outlives a transaction.
func (s Writer) Rollback() []Op {
	return append([]Op{Frame("rollback")}, resets()...)
}
