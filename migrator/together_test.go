package migrator

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"github.com/agent-shaker/agent-shaker/migrator/internal/history"
	"github.com/agent-shaker/agent-shaker/migrator/internal/sqllex"
)

// sentTogether returns messages of all steps of a plan, each of which is sent whole.
func sentTogether(t *testing.T, migrations []Migration, h *history.History, target Target) (steps []*step, m message, r *run) {
	t.Helper()
	r = &run{m: New(nil, migrations, Config{}), id: "1a2b3c4d", target: target, reviews: &reviewer{}}
	r.server, r.table = history.Server{Platform: "PostgreSQL 17.4 on x86_64-pc-linux-gnu"}, h.Table
	h.Server = r.server
	plan, err := r.plan(h)
	require.NoError(t, err)
	steps = slices.Collect(plan.steps)
	return steps, r.together(steps), r
}

func TestWhatIsSentTogetherIsExactlyThis(t *testing.T) {
	t.Parallel()
	migrations := loaded(t,
		"1_o'clock.sql", "create table clock (id int);\n", "2_own.sql", "prepare mine as select 1; execute mine;\n",
		"3_limited.sql", "-- migrator: isolation=serializable, lock-timeout=7s\nselect 'pg_Advisory_lock' -- end", "4_last.sql", "select 1;\n", "R_views.sql", "select 2;\n")
	_, m, r := sentTogether(t, migrations, never(), Up())
	_, down, _ := sentTogether(t, loaded(t, "1_x.sql", "select 1", "1_x.down.sql", "select -1", "2_x.sql", "select 2", "2_x.down.sql", "select -2"), past("1 2"), Down(2))
	got := "-- up, on an empty database\n" + m.sql + "\n-- down by two\n" + down.sql
	const path = "testdata/together.sql"
	if *update {
		require.NoError(t, os.WriteFile(path, []byte(got), 0o600))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, string(want), got)
	require.Len(t, r.prepared.names, 4, "set, claim, rest, seal")
}

func TestEachAnswerBelongsToOneStatementOfWhatIsSentTogether(t *testing.T) {
	t.Parallel()
	migrations := loaded(t, "1_a.sql", "select 1; select 2", "2_b.sql", "", "3_c.sql", "deallocate all; select 3", "4_d.sql", "begin; select 4; select 5; commit;", "R_e.sql", "select 6")
	steps, m, _ := sentTogether(t, migrations, never(), Up())
	statements, err := sqllex.Split(m.sql)
	require.NoError(t, err)
	clocks, commits := m.clocks(), 0
	require.Len(t, clocks, len(steps), "each tells when it begins")
	at := 0
	for _, p := range m.parts {
		for range p.results() {
			text := statements[at].Text(m.sql)
			require.GreaterOrEqual(t, statements[at].Start, p.start, text)
			switch p.operation.kind {
			case opClock:
				require.Equal(t, at, clocks[0])
				require.True(t, strings.Contains(text, "clock_timestamp()") || strings.HasPrefix(text, "execute migrator_set ("), text)
				clocks = clocks[1:]
			case opCommit:
				commits++
				require.Equal(t, "commit", text)
				require.Equal(t, commits, m.committed(at+1))
				require.Equal(t, commits-1, m.committed(at))
			case opFile:
				require.Contains(t, p.step.file.Text, text)
			case opFrame, opLock, opClaim, opDeferred, opSettle, opSeal, opClean:
			}
			require.Equal(t, p.operation.prepared, strings.Contains(text, " migrator_"), text)
			at++
		}
	}
	require.Equal(t, len(statements), at)
	require.Equal(t, len(steps), commits)
}

func TestTheSizeOfAMessageIsKnownBeforeItIsWritten(t *testing.T) {
	t.Parallel()
	var texts []string
	for i := 1; i < 60; i++ {
		texts = append(texts, fmt.Sprintf("%04d_%s.sql", i, strings.Repeat("x", i)), "select 1;\n")
	}
	steps, m, _ := sentTogether(t, loaded(t, texts...), never(), Up())
	size := 0
	for _, s := range steps {
		size += s.size()
	}
	require.InDelta(t, len(m.sql), size, float64(size)/10)
}

// TestAPlaceThatIsCountedInAnotherMessageIsNone: that of an error in a prepared statement.
func TestAPlaceThatIsCountedInAnotherMessageIsNone(t *testing.T) {
	t.Parallel()
	steps, m, _ := sentTogether(t, loaded(t, "1_a.sql", "select 1", "2_b.sql", "select 2"), past(""), Up())
	answered := 0
	for _, p := range m.parts {
		if p.operation.prepared && p.step == steps[1] {
			pg := &pgconn.PgError{Code: "42703", Position: int32(m.parts[len(m.parts)/4].start)}
			failed := m.locate(answered, pg, pg, false)
			require.Equal(t, steps[1], failed.step)
			require.Equal(t, *p.operation, failed.operation)
			require.Equal(t, -1, failed.offset)
		}
		answered += p.results()
	}
}

func TestEachPartOfAMessageSaysWhereItBegins(t *testing.T) {
	t.Parallel()
	_, m, _ := sentTogether(t, loaded(t, "1_a.sql", "select 1", "2_b.sql", "select '"+strings.Repeat("x", 1000)+"'"), never(), Up())
	for _, p := range m.parts {
		require.True(t, strings.HasPrefix(m.sql[p.start:], p.operation.sql) || p.operation.kind == opFile, "%d: %s", p.start, p.operation.sql)
	}
	require.True(t, slices.IsSortedFunc(m.parts, func(a, b part) int { return a.start - b.start }))
}
