package migrator

import (
	"context"
	"fmt"

	"github.com/agent-shaker/agent-shaker/migrator/internal/pgsession"
	"github.com/agent-shaker/agent-shaker/migrator/internal/script"
	"github.com/agent-shaker/agent-shaker/migrator/internal/sqlfile"
)

// A CALL or DO may end transactions itself. The server can tell before the statement runs whether it will, and after a failure
// whether it did.

// callsEnd reports whether a procedure that the statement calls ends transactions, directly or through procedures that it calls.
func callsEnd(ctx context.Context, c *connections, file *sqlfile.File, u *sqlfile.Statement) (bool, error) {
	seen := map[sqlfile.Procedure]bool{}
	for calls := u.Calls; len(calls) > 0; {
		rows, err := findProcedures(ctx, c, file, u, calls)
		if err != nil {
			return false, err
		}
		calls = nil
		for _, row := range rows {
			procedure := sqlfile.ReadRoutine(row[0], row[1])
			if procedure.Ends {
				return true, nil
			}
			for _, call := range procedure.Calls {
				if !seen[call] {
					seen[call], calls = true, append(calls, call)
				}
			}
		}
	}
	return false, nil
}

// findProcedures returns the language and source of each procedure, as the settings of the file resolve its name. If the server
// refuses the query, the result is empty, and the statement itself will report why.
func findProcedures(ctx context.Context, c *connections, file *sqlfile.File, u *sqlfile.Statement, calls []sqlfile.Procedure) (rows [][]string, err error) {
	operations := append([]script.Op{script.Frame("begin")}, script.Local(c.writer().Lifted())...)
	operations = append(append(operations, script.SettingOps(file, u)...), script.Frame(script.ProceduresSQL(calls)))
	_, err = c.worker.Send(ctx, script.Whole(operations)[0].SQL, func(result int, values [][]byte) error {
		if result == len(operations)-1 {
			rows = append(rows, []string{string(values[0]), string(values[1])})
		}
		return nil
	})
	if abandoned := c.abort(ctx); abandoned != nil {
		return nil, c.stopFor(ctx, script.OpFrame, abandoned)
	}
	if ctx.Err() != nil {
		return nil, c.stopFor(ctx, script.OpFrame, err)
	}
	return rows, nil
}

// endedTransactions reports whether a failed CALL or DO may have committed a part of its work. That is so if the session has
// begun more transactions since the mark than the statement's own, or if the mark is lost. It may report true without need,
// because an idle session also begins a transaction to catch up with catalog changes of others. reached: the error is at the
// statement itself.
func endedTransactions(ctx context.Context, c *connections, reached bool) bool {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), pgsession.CancelGrace)
	defer cancel()
	for tries := range 3 { // a late cancel request may hit this query
		rows, err := c.worker.Rows(ctx, script.SinceMarkSQL)
		if err == nil {
			var began int
			_, _ = fmt.Sscan(rows[0][0], &began)
			return began < 0 || began > 2+tries || (began == 0 && reached)
		}
	}
	return true
}
