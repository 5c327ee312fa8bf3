package migrator

import (
	"context"
	"fmt"
	"strings"

	"github.com/agent-shaker/agent-shaker/migrator/internal/history"
	"github.com/agent-shaker/agent-shaker/migrator/internal/pgsession"
	"github.com/agent-shaker/agent-shaker/migrator/internal/sqlfile"
	"github.com/agent-shaker/agent-shaker/migrator/internal/sqltext"
)

// What the server knows of a statement that ends transactions itself: before it runs whether it does, and after it has failed
// whether it did.

// callsEnd reports whether a procedure that a statement calls ends transactions, or one that it calls in turn.
func (r *run) callsEnd(ctx context.Context, file *sqlfile.File, u *sqlfile.Statement) (bool, error) {
	seen := map[sqlfile.Procedure]bool{}
	for calls := u.Calls; len(calls) > 0; {
		rows, err := r.procedures(ctx, file, u, calls)
		if err != nil {
			return false, err
		}
		calls = nil
		for _, row := range rows {
			procedure := sqlfile.ReadRoutine(row[0], row[1])
			if procedure.Ends {
				return true, nil
			}
			for _, c := range procedure.Calls {
				if !seen[c] {
					seen[c], calls = true, append(calls, c)
				}
			}
		}
	}
	return false, nil
}

// procedures returns the language and source of each, as the file's settings find them. Where they cannot be asked for, the
// statement itself is to say why.
func (r *run) procedures(ctx context.Context, file *sqlfile.File, u *sqlfile.Statement, calls []sqlfile.Procedure) (rows [][]string, err error) {
	operations := append([]operation{frame("begin")}, local(r.scripter(&history.History{Table: r.table, Server: r.server}).lifted())...)
	operations = append(append(operations, settingOperations(file, u)...), frame(proceduresSQL(calls)))
	_, err = r.worker.Send(ctx, whole(operations)[0].sql, func(result int, values [][]byte) error {
		if result == len(operations)-1 {
			rows = append(rows, []string{string(values[0]), string(values[1])})
		}
		return nil
	})
	if abandoned := r.abandon(ctx); abandoned != nil {
		return nil, r.stopFor(ctx, opFrame, abandoned)
	}
	if ctx.Err() != nil {
		return nil, r.stopFor(ctx, opFrame, err)
	}
	return rows, nil
}

// proceduresSQL asks for the procedures that calls may mean: of a name and a number of arguments there may be several.
func proceduresSQL(calls []sqlfile.Procedure) string {
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

// transactionSQL is an expression for how many transactions the session has begun: each has a virtual id, also one that writes
// nothing.
const transactionSQL = "(select pg_catalog.split_part(l.virtualtransaction, '/', 2)::pg_catalog.int8 from pg_catalog.pg_locks l" +
	" where l.pid operator(pg_catalog.=) pg_catalog.pg_backend_pid() and l.locktype operator(pg_catalog.=) 'virtualxid' limit 1)"

// markSQL notes the last transaction before an opaque statement.
const markSQL = "select pg_catalog.set_config('migrator.transaction', " + transactionSQL + "::pg_catalog.text, false)"

// sinceMarkSQL asks how many transactions have begun since, this one included; null where the mark is not there.
const sinceMarkSQL = "select case when pg_catalog.length(m.mark) operator(pg_catalog.>) 0 then " + transactionSQL + " operator(pg_catalog.-) m.mark::pg_catalog.int8 end" +
	" from (select pg_catalog.current_setting('migrator.transaction', true)) m (mark)"

// endedTransactions reports whether a CALL or DO that has failed may have committed a part of its work: the session has begun more
// transactions than the one in which it was sent, or has lost the mark. An idle session also begins one to catch up with what
// others have changed in catalogs, so this may be true of a statement that has committed nothing. reached: the failure is its own.
func (r *run) endedTransactions(ctx context.Context, reached bool) bool {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), pgsession.CancelGrace)
	defer cancel()
	for tries := range 3 { // a cancel request may be late, and meet this
		rows, err := r.worker.Rows(ctx, sinceMarkSQL)
		if err == nil {
			var began int
			_, _ = fmt.Sscan(rows[0][0], &began)
			return began < 0 || began > 2+tries || (began == 0 && reached)
		}
	}
	return true
}
