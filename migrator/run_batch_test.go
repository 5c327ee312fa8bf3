package migrator

import (
	"fmt"
	"math"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/agent-shaker/agent-shaker/migrator/internal/history"
	"github.com/agent-shaker/agent-shaker/migrator/internal/script"
	"github.com/agent-shaker/agent-shaker/migrator/internal/sqllex"
)

// A sentBatch is what a run sends in one message, with the steps in it.
type sentBatch struct {
	steps []*step
	script.Message
}

// batches are those of a plan, whatever their size.
func batches(t *testing.T, migrations []Migration, h *history.History, target Target) (all []sentBatch) {
	t.Helper()
	r := newRun(New(nil, migrations, Config{}), target)
	r.id = "1a2b3c4d"
	r.server, r.table = history.Server{Instance: history.Instance{Platform: "PostgreSQL 17.4 on x86_64-pc-linux-gnu"}}, h.Table
	h.Server = r.server
	plan, err := r.plan(h, r.writer())
	require.NoError(t, err)
	session := &script.Session{}
	ready := batch{limit: math.MaxInt}
	send := func() {
		all = append(all, sentBatch{ready.steps, script.Batch(scriptSteps(ready.steps), session)})
		ready = batch{limit: math.MaxInt}
	}
	for s := range plan.steps {
		if !ready.fits(s) {
			send()
		}
		ready.add(s)
	}
	send()
	return all
}

func TestWhatIsSentTogetherIsExactlyThis(t *testing.T) {
	t.Parallel()
	migrations := loaded(t,
		"1_o'clock.sql", "create table clock (id int);\n", "2_own.sql", "prepare mine as select 1; execute mine;\n",
		"3_limited.sql", "-- migrator: isolation=serializable, lock-timeout=7s\nselect 'pg_Advisory_lock' -- end", "4_last.sql", "select 1;\n", "R_views.sql", "select 2;\n")
	var got strings.Builder
	for _, m := range batches(t, migrations, never(), Up()) {
		got.WriteString("-- up, on an empty database\n" + m.SQL + "\n")
	}
	for _, m := range batches(t, loaded(t, "1_x.sql", "select 1", "1_x.down.sql", "select -1", "2_x.sql", "select 2", "2_x.down.sql", "select -2"), past("1 2"), Down(2)) {
		got.WriteString("-- down by two\n" + m.SQL)
	}
	const path = "testdata/together.sql"
	if *update {
		require.NoError(t, os.WriteFile(path, []byte(got.String()), 0o600))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, string(want), got.String())
}

func TestEachAnswerBelongsToOneStatementOfWhatIsSentTogether(t *testing.T) {
	t.Parallel()
	migrations := loaded(t, "1_a.sql", "select 1; select 2", "2_b.sql", "", "3_c.sql", "deallocate all; select 3", "4_d.sql", "begin; select 4; select 5; commit;", "R_e.sql", "select 6")
	all := batches(t, migrations, never(), Up())
	require.Len(t, all, 2, "what a file leaves is freed before the next one")
	for _, m := range all {
		statements, err := sqllex.Split(m.SQL)
		require.NoError(t, err)
		clocks, commits := m.Clocks(), 0
		require.Len(t, clocks, len(m.steps), "each tells when it begins")
		at := 0
		for _, p := range m.Parts {
			for range p.Results() {
				text := statements[at].Text(m.SQL)
				require.GreaterOrEqual(t, statements[at].Start, p.Start, text)
				switch p.Op.Kind {
				case script.OpClock:
					require.Equal(t, at, clocks[0])
					require.True(t, strings.Contains(text, "clock_timestamp()") || strings.HasPrefix(text, "execute migrator_set ("), text)
					clocks = clocks[1:]
				case script.OpCommit:
					commits++
					require.Equal(t, "commit", text)
					require.Equal(t, commits, m.Committed(at+1))
					require.Equal(t, commits-1, m.Committed(at))
				case script.OpFile:
					require.Contains(t, p.Step.Move.File.Text, text)
				case script.OpFrame, script.OpLock, script.OpClaim, script.OpDeferred, script.OpSettle, script.OpSeal, script.OpClean:
				}
				require.Equal(t, p.Prepares, strings.HasPrefix(text, "prepare migrator_") || strings.HasPrefix(text, "execute migrator_"), text)
				at++
			}
		}
		require.Equal(t, len(statements), at)
		require.Equal(t, len(m.steps), commits)
	}
}

func TestTheSizeOfAMessageIsKnownBeforeItIsWritten(t *testing.T) {
	t.Parallel()
	var texts []string
	for i := 1; i < 60; i++ {
		texts = append(texts, fmt.Sprintf("%04d_%s.sql", i, strings.Repeat("x", i)), "select 1;\n")
	}
	m := batches(t, loaded(t, texts...), never(), Up())[0]
	size := 0
	for _, s := range m.steps {
		size += s.Size()
	}
	require.InDelta(t, len(m.SQL), size, float64(size)/10)
}

// TestAPlaceThatIsCountedInAnotherMessageIsNone: that of an error in a prepared statement.
func TestAPlaceThatIsCountedInAnotherMessageIsNone(t *testing.T) {
	t.Parallel()
	m := batches(t, loaded(t, "1_a.sql", "select 1", "2_b.sql", "select 2"), past(""), Up())[0]
	answered := 0
	for _, p := range m.Parts {
		if p.Prepares && p.Step == m.steps[1].Step {
			failed := m.Locate(answered, m.Parts[len(m.Parts)/4].Start, false)
			require.Equal(t, m.steps[1].Step, failed.Step)
			require.Equal(t, *p.Op, failed.Op)
			require.Equal(t, -1, failed.Offset)
		}
		answered += p.Results()
	}
}

func TestEachPartOfAMessageSaysWhereItBegins(t *testing.T) {
	t.Parallel()
	m := batches(t, loaded(t, "1_a.sql", "select 1", "2_b.sql", "select '"+strings.Repeat("x", 1000)+"'"), never(), Up())[0]
	for _, p := range m.Parts {
		require.True(t, strings.HasPrefix(m.SQL[p.Start:], p.Op.SQL) || p.Op.Kind == script.OpFile, "%d: %s", p.Start, p.Op.SQL)
	}
	require.True(t, slices.IsSortedFunc(m.Parts, func(a, b script.Part) int { return a.Start - b.Start }))
}
