package migrator

import (
	"context"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/agent-shaker/agent-shaker/migrator/internal/history"
	"github.com/agent-shaker/agent-shaker/migrator/internal/script"
)

// past is a history that exists, with rows as in verify_test.go.
func past(words string) *history.History {
	h := &history.History{Exists: true, Table: history.Table{Schema: "public", Name: history.DefaultTable}}
	h.Fill(rows(words))
	return h
}

// never is that of a database on which nothing has run.
func never() *history.History {
	return &history.History{Table: history.Table{Schema: "public", Name: history.DefaultTable}}
}

func planned(tb testing.TB, migrations []Migration, h *history.History, target Target) *Plan {
	tb.Helper()
	plan, err := New(nil, migrations, Config{}).plan(h, target, script.Writer{Table: h.Table, Major: 15}, &reviewer{})
	require.NoError(tb, err)
	return plan
}

func titles(p *Plan) (titles []string) {
	if p.Empty() {
		return nil
	}
	for s := range p.steps {
		titles = append(titles, s.Heading())
	}
	return titles
}

func TestAPlanSaysWhatWillBeDone(t *testing.T) {
	t.Parallel()
	const table, fill = "make the history table public.schema_migrations", "record checksums that are not known yet"
	for _, c := range []struct {
		name, files string
		history     *history.History
		target      Target
		want        []string
	}{
		{"a first run", "1 2", never(), Up(), []string{table, "apply 1_x.sql", "apply 2_x.sql"}},
		{"a first run without files makes the table", "", never(), Up(), []string{table}},
		{"nothing pending", "1", past("1"), Up(), nil},
		{"nothing pending and no checksums needs no write", "1", past("1?"), Up(), nil},
		{"one pending", "1 2", past("1"), Up(), []string{"apply 2_x.sql"}},
		{"checksums are recorded with the first work", "1 2 3", past("1? 2"), Up(), []string{fill, "apply 3_x.sql"}},
		{"down", "1 2", past("1 2"), Down(1), []string{"revert 2_x.sql"}},
		{"redo", "1 2", past("1 2"), Redo(1), []string{"revert 2_x.sql", "apply 2_x.sql"}},
	} {
		plan := planned(t, versions(c.files), c.history, c.target)
		require.Equal(t, c.want, titles(plan), c.name)
		require.Equal(t, len(c.want) == 0, plan.Empty(), c.name)
		require.Equal(t, c.target, plan.Target, c.name)
	}
}

func TestGoingDownWhereNothingWasAppliedWritesNothing(t *testing.T) {
	t.Parallel()
	for _, target := range []Target{Down(1), DownTo("1"), Redo(1)} {
		require.Empty(t, titles(planned(t, versions("1 2"), never(), target)))
	}
}

func TestOnlyWhatWillRunIsReviewed(t *testing.T) {
	t.Parallel()
	migrations := loaded(t, "1_a.sql", "commit;", "1_a.down.sql", "vacuum;", "2_b.sql", "select 2;", "2_b.down.sql", "rollback;")
	h := never()
	h.Exists = true
	h.Fill([]history.Record{{Version: "1_a.sql"}})
	require.Equal(t, []string{"record checksums that are not known yet", "apply 2_b.sql"}, titles(planned(t, migrations, h, Up())))

	_, err := New(nil, migrations, Config{}).plan(h, Down(1), script.Writer{Table: h.Table}, &reviewer{})
	require.ErrorContains(t, err, "1_a.down.sql:1:1: cannot run inside a transaction")
}

func TestTheProblemsOfAllFilesAreReportedAtOnce(t *testing.T) {
	t.Parallel()
	migrations := loaded(t, "1_a.sql", "select 1;\ncommit;", "2_b.sql", "select 2", "3_c.sql", "-- migrator: batch\n", "4_d.sql", "begin;\nselect 'it's';\ncommit;", "5_e.sql", "\\d")
	plan, err := New(nil, migrations, Config{}).plan(never(), Up(), script.Writer{}, &reviewer{})
	require.Nil(t, plan)
	for _, place := range []string{"1_a.sql:2:1: ", "3_c.sql: ", "4_d.sql:", "5_e.sql:1:1: "} {
		require.ErrorContains(t, err, place)
	}
	require.NotContains(t, err.Error(), "2_b.sql")
}

func TestWarningsOfFilesComeWithThoseOfTheHistory(t *testing.T) {
	t.Parallel()
	migrations := loaded(t, "1_a.sql", "begin;select 1;commit", "2_b.sql", "select 2")
	h := never()
	h.Fill([]history.Record{{Version: "2_b.sql", Checksum: migrations[1].Checksum()}})
	plan := planned(t, migrations, h, Up())
	require.Len(t, plan.Warnings, 2)
	require.Contains(t, plan.Warnings[0], "1_a.sql: pending below")
	require.Contains(t, plan.Warnings[1], "1_a.sql: its own BEGIN and COMMIT (line 1) are left out")
}

func TestStrictOrderIsAskedForByTheConfiguration(t *testing.T) {
	t.Parallel()
	_, err := New(nil, versions("1 2"), Config{StrictOrder: true}).plan(past("2"), Up(), script.Writer{}, &reviewer{})
	var order *OrderError
	require.ErrorAs(t, err, &order)
}

func TestNewSortsTheMigrationsAndLeavesTheCallersAlone(t *testing.T) {
	t.Parallel()
	given := versions("10 9 2")
	m := New(nil, given, Config{})
	require.Equal(t, versions("2 9 10"), m.migrations)
	require.Equal(t, versions("10 9 2"), given)
}

func TestAConfigurationThatIsWrongIsReportedByTheFirstCall(t *testing.T) {
	t.Parallel()
	config, err := pgx.ParseConfig("host=127.0.0.1 port=1")
	require.NoError(t, err)
	for want, m := range map[string]*Migrator{
		"no connection configuration":      New(nil, nil, Config{}),
		`history table "a.b.c": want a na`: New(config, nil, Config{Table: "a.b.c"}),
	} {
		_, err := m.Plan(context.Background(), Up())
		require.ErrorContains(t, err, want)
		_, err = m.Status(context.Background())
		require.ErrorContains(t, err, want)
		results, err := m.Run(context.Background(), Up())
		require.ErrorContains(t, err, want)
		require.Empty(t, results)
	}
}

func TestTheZeroConfigurationHasTheDocumentedDefaults(t *testing.T) {
	t.Parallel()
	config := Config{}.withDefaults()
	require.Equal(t, "1.5s 5m0s 1m0s 0s", strings.Join([]string{
		config.LockTimeout.String(), config.RetryFor.String(), config.ReconnectFor.String(), config.WaitFor.String(),
	}, " "))
	require.NotPanics(t, func() { config.Observe(Event{}) })
	config = Config{LockTimeout: -1, RetryFor: -1, ReconnectFor: -1}.withDefaults()
	require.Negative(t, config.LockTimeout+config.RetryFor+config.ReconnectFor, "below 0 is kept")
}
