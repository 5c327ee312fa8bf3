package servertest

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/agent-shaker/agent-shaker/migrator"
)

// TestAStatementThatLosesAConnectionOfItsOwnHasFailed does as CREATE SUBSCRIPTION does where nobody answers: the server says
// 08006, and its own connection is as it was.
func TestAStatementThatLosesAConnectionOfItsOwnHasFailed(t *testing.T) {
	t.Parallel()
	const fail = "raise exception 'nobody answers' using errcode = '08006'"
	for name, text := range map[string]string{
		"in a transaction":      "do $$begin " + fail + "; end$$;\n",
		"without a transaction": "-- migrator: no-transaction\ncall work();\n",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url := newDatabase(t)
			execute(t, url, "create procedure work() language plpgsql as $$begin "+fail+"; commit; end$$")
			var seen recorder
			m := open(t, url, files("001_far.sql", text), migrator.Config{Observe: seen.observe})
			_, err := m.Run(patience(t), migrator.Up())
			require.ErrorContains(t, err, "nobody answers")
			require.NotErrorIs(t, err, migrator.ErrInDoubt)
			require.NotContains(t, err.Error(), "lost")
			require.Empty(t, seen.of(migrator.EventReconnecting))

			execute(t, url, "create or replace procedure work() language plpgsql as $$begin commit; end$$")
			_, err = open(t, url, files("001_far.sql", "-- migrator: no-transaction\ncall work();\n"), migrator.Config{}).Run(patience(t), migrator.Up())
			require.NoError(t, err, "it is mended, and goes on without a decision")
		})
	}
}

func TestAProcedureThatIsCancelledIsNotInDoubt(t *testing.T) {
	t.Parallel()
	url := newDatabase(t)
	execute(t, url, "create procedure work() language plpgsql as $$begin perform pg_sleep(60); commit; end$$")
	m := open(t, url, files("001_call.sql", "-- migrator: no-transaction\ncall work();\n"), migrator.Config{})
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() {
		_, err := m.Run(ctx, migrator.Up())
		ended <- err
	}()
	waitFor(t, url, oneSleeps)
	cancel()
	err := <-ended
	require.ErrorIs(t, err, context.Canceled)
	require.ErrorContains(t, err, "the next run goes on at statement 1 of 1 (line 2)")

	execute(t, url, "create or replace procedure work() language plpgsql as $$begin commit; end$$")
	_, err = m.Run(patience(t), migrator.Up())
	require.NoError(t, err)
}

func TestAProcedureThatHasEndedWhenItsRunIsCancelledHasRun(t *testing.T) {
	t.Parallel()
	url := newDatabase(t)
	execute(t, url, "create table ledger (file int); create procedure work() language plpgsql as $$begin insert into ledger values (1); commit; raise notice 'the end'; end$$")
	ctx, cancel := context.WithCancelCause(t.Context())
	fsys := files("001_call.sql", "-- migrator: no-transaction\ncall work();\n")
	cancelled := errors.New("cancelled")
	_, err := open(t, url, fsys, migrator.Config{Observe: func(e migrator.Event) {
		if e.Kind == migrator.EventNotice && e.Message == "NOTICE: the end" {
			time.Sleep(500 * time.Millisecond) // the server goes on, and comes to the end
			cancel(cancelled)
		}
	}}).Run(ctx, migrator.Up())
	require.ErrorIs(t, err, cancelled)
	require.ErrorContains(t, err, "statement 1 is applied: all of them; the next run records the file")

	_, err = open(t, url, fsys, migrator.Config{}).Run(patience(t), migrator.Up())
	require.NoError(t, err)
	require.Equal(t, []string{"history 001_call.sql", "ledger 1"}, indexState(t, url))
}

func TestWhereAnOpaqueStatementWasCutOffItsRunSaysThatADecisionIsAskedFor(t *testing.T) {
	t.Parallel()
	url := newDatabase(t)
	execute(t, url, "create procedure work() language plpgsql as $$begin commit; perform pg_terminate_backend(pg_backend_pid()); end$$")
	m := open(t, url, files("001_call.sql", "-- migrator: no-transaction\ncall work();\n"), migrator.Config{ReconnectFor: -1})
	_, err := m.Run(patience(t), migrator.Up())
	require.ErrorContains(t, err, "statement 1 of 1 (line 2) was begun, and it is not known whether it has run; the next run asks for a decision")
	_, err = m.Run(patience(t), migrator.Up())
	require.ErrorIs(t, err, migrator.ErrInDoubt)
}
