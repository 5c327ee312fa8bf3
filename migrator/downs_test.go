package migrator

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/agent-shaker/agent-shaker/migrator/internal/history"
	"github.com/agent-shaker/agent-shaker/migrator/internal/script"
)

// named are migrations of these names.
func named(names string) (migrations []Migration) {
	for name := range strings.FieldsSeq(names) {
		migrations = append(migrations, Migration{Version: Version(name)})
	}
	return migrations
}

func TestAFileThatIsNamedAsOneThatRevertsIsNotApplied(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, others, reverts, down, up string }{
		{"001_x.undo.sql", "", "a migration", "001_x.down.sql", "001_x.undo.up.sql"},
		{"001_x.Rollback.sql", "001_x.sql", "a migration", "001_x.down.sql", "001_x.Rollback.up.sql"},
		{"001_v1.2.revert.sql", "", "a migration", "001_v1.2.down.sql", "001_v1.2.revert.up.sql"},
		{"001_x.down.postgres.sql", "", "a migration", "001_x.down.sql", "001_x.down.postgres.up.sql"},
		{"001_x.down.sql.sql", "", "a migration", "001_x.down.sql", "001_x.down.sql.up.sql"},
		{"R_x.undo.sql", "", "a migration", "R_x.down.sql", "R_x.undo.up.sql"},
		{"000001_down.sql", "000001_up.sql", "000001_up.sql", "000001_up.down.sql", "000001_down.up.sql"},
		{"1_users_down.sql", "01_users_up.sql 2_b.sql", "01_users_up.sql", "01_users_up.down.sql", "1_users_down.up.sql"},
		{"1_users-DOWN.sql", "1_users-up.sql", "1_users-up.sql", "1_users-up.down.sql", "1_users-DOWN.up.sql"},
		{"1_users_rollback.sql", "1_users.up.sql", "1_users.up.sql", "1_users.down.sql", "1_users_rollback.up.sql"},
		{"1_drop_users_undo.sql", "1_create_users.sql", "1_create_users.sql", "1_create_users.down.sql", "1_drop_users_undo.up.sql"},
		{"1_UsersDown.sql", "1_UsersUp.sql", "1_UsersUp.sql", "1_UsersUp.down.sql", "1_UsersDown.up.sql"},
		{"1_down_users.sql", "1_up_users.sql", "1_up_users.sql", "1_up_users.down.sql", "1_down_users.up.sql"},
		{"1_undo_add_users.sql", "1_other.sql 1_add-users.sql", "1_add-users.sql", "1_add-users.down.sql", "1_undo_add_users.up.sql"},
		{"1_users downgrade.sql", "1_x.sql", "1_x.sql", "1_x.down.sql", "1_users downgrade.up.sql"},
	} {
		all := append(named(c.others), Migration{Version: Version(c.name)})
		require.Equal(t, &FileError{
			Path: c.name, Message: "is named as if it reverted " + c.reverts + ", and would be applied",
			Hint: "if it reverts, rename it to " + c.down + "; if it is to be applied, to " + c.up + "; where it is applied already, repair accepts that name",
		}, refuseDown(Version(c.name), all))
		require.NoError(t, refuseDown(Version(c.up), all))
		for _, other := range named(c.others) {
			require.NoError(t, refuseDown(other.Version, all))
		}
	}
}

func TestANameMayHoldAWordForTheWayBack(t *testing.T) {
	t.Parallel()
	for name, others := range map[string]string{
		"002_add_savepoint_and_rollback.up.sql": "002_x.sql",
		"002_x.down.up.sql":                     "002_x.sql",
		"054_automated_rollback.sql":            "053_x.sql 055_y.sql R_054.sql",
		"001_shut_down.sql":                     "",
		"001_down.sql":                          "002_up.sql",
		"001_breakdown.sql":                     "001_x.sql",
		"001_Breakdown.sql":                     "001_x.sql",
		"001_COUNTDOWN.sql":                     "001_x.sql",
		"001_rollback_of_orders.sql":            "001_x.sql 001_of_order.sql",
		"001_down_payments.sql":                 "001_up_payment.sql",
		"001_v1.down_stream.sql":                "001_x.sql",
		"001_drill_down_views.sql":              "001_x.sql",
		"R_drill_down.sql":                      "R_x.sql 001_x.sql",
		"001_revert.sql.sql":                    "",
		"by_hand":                               "other",
	} {
		require.NoError(t, refuseDown(Version(name), append(named(others), Migration{Version: Version(name)})), name)
	}
}

func TestOnlyPendingFilesAreJudgedByTheirNames(t *testing.T) {
	t.Parallel()
	migrations := loaded(t, "001_down.sql", "select 1;", "001_up.sql", "select 2;", "002_x.undo.sql", "select 3;", "002_x.undo.down.sql", "", "003_a.sql", "")
	plan := func(target Target, applied string) error {
		h := &history.History{Exists: true}
		for _, m := range named(applied) {
			h.Records = append(h.Records, history.Record{Version: string(m.Version)})
		}
		_, err := (&Migrator{migrations: migrations}).plan(h, target, script.Writer{}, &reviewer{})
		return err
	}
	err := plan(Up(), "")
	require.Len(t, problems(t, err), 2)
	require.ErrorContains(t, err, "001_down.sql: is named as if it reverted 001_up.sql")
	require.ErrorContains(t, err, "002_x.undo.sql: is named as if it reverted a migration")
	require.ErrorContains(t, plan(Up(), "001_up.sql 002_x.undo.sql"), "001_down.sql: is named")
	require.NoError(t, plan(Up(), "001_down.sql 001_up.sql 002_x.undo.sql"))
	require.NoError(t, plan(Redo(1), "001_down.sql 001_up.sql 002_x.undo.sql"))
	require.NoError(t, plan(MarkApplied("001_down.sql"), ""))
	require.NoError(t, plan(Baseline(""), ""))
}
