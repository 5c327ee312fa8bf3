package migrator

import (
	"context"
	"fmt"

	"github.com/agent-shaker/agent-shaker/migrator/internal/pgsession"
	"github.com/agent-shaker/agent-shaker/migrator/internal/script"
	"github.com/agent-shaker/agent-shaker/migrator/internal/sqlfile"
)

// What the server knows of a statement that ends transactions itself: before it runs whether it does, and after it has failed
// whether it did.

// callsEnd reports whether a procedure that a statement calls ends transactions, or one that it calls in turn.
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

// findProcedures returns the language and source of each, as the file's settings find them. Where they cannot be asked for, the
// statement itself is to say why.
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

// endedTransactions reports whether a CALL or DO that has failed may have committed a part of its work: the session has begun more
// transactions than the one in which it was sent, or has lost the mark. An idle session also begins one to catch up with what
// others have changed in catalogs, so this may be true of a statement that has committed nothing. reached: the failure is its own.
func endedTransactions(ctx context.Context, c *connections, reached bool) bool {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), pgsession.CancelGrace)
	defer cancel()
	for tries := range 3 { // a cancel request may be late, and meet this
		rows, err := c.worker.Rows(ctx, script.SinceMarkSQL)
		if err == nil {
			var began int
			_, _ = fmt.Sscan(rows[0][0], &began)
			return began < 0 || began > 2+tries || (began == 0 && reached)
		}
	}
	return true
}
