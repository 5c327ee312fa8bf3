package sqltext_test

import (
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/agent-shaker/agent-shaker/migrator/internal/sqllex"
	"github.com/agent-shaker/agent-shaker/migrator/internal/sqltext"
)

func TestAnIdentifierIsQuotedAsPgxQuotesIt(t *testing.T) {
	t.Parallel()
	for _, names := range [][]string{{"a"}, {"A b", `c"d`}, {`"`, `""`, "æ"}, {"a.b"}, {"nul\x00"}, {""}} {
		require.Equal(t, pgx.Identifier(names).Sanitize(), sqltext.Ident(names...))
	}
}

func TestALiteralIsOneStringToTheServer(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"": "''", "a": "'a'", "o'clock": "'o''clock'", "''": "''''''", `C:\dir\`: `'C:\dir\'`, "æ\n$$": "'æ\n$$'",
	} {
		got := sqltext.Literal(text)
		require.Equal(t, want, got)
		for token := range sqllex.Significant(got + " x") {
			require.Equal(t, sqllex.Token{Kind: sqllex.String, Start: 0, End: len(got)}, token)
			break
		}
	}
}

func TestABlockIsOneStatementWhateverItHolds(t *testing.T) {
	t.Parallel()
	require.Equal(t, "do $migrator$begin\n  null;\nend$migrator$", sqltext.Block("  null;"))
	for _, name := range []string{"1_$migrator$.sql", "1_$migrator$$mmigrator$.sql", "1_$$.sql", "1_$migrator.sql", "1_o'clock.sql", "1_$m$migrator$.sql"} {
		got := sqltext.Block(sqltext.RequireRow("perform "+sqltext.Literal(name), sqltext.Raise("MG001", name, "")))
		statements, err := sqllex.Split(got + "; select 1")
		require.NoError(t, err, name)
		require.Len(t, statements, 2, got)
		require.Equal(t, got, statements[0].Text(got))
	}
}

func TestARaiseHasAHintWhereThereIsOne(t *testing.T) {
	t.Parallel()
	require.Equal(t, "raise exception using errcode = 'MG001', message = 'it''s gone';", sqltext.Raise("MG001", "it's gone", ""))
	require.Equal(t, "raise exception using errcode = 'MG001', message = 'gone',\n      hint = 'run again';", sqltext.Raise("MG001", "gone", "run again"))
}

func TestCommentsOfOurOwnFilesAreLeftOut(t *testing.T) {
	t.Parallel()
	require.Equal(t, "select 1, -- one\n\t2", sqltext.WithoutComments("-- what it is\nselect 1, -- one\n\t2\n"))
}

func TestWordsAreFoundHoweverTheyAreWritten(t *testing.T) {
	t.Parallel()
	for text, found := range map[string]bool{
		"deallocate": true, "x DEALLOCATE y": true, "select 1; DeAllocate all": true, "deallocat": false, "": false, "dealloca te": false, "é deallocatE": true,
	} {
		require.Equal(t, found, sqltext.ContainsFold(text, "deallocate"), text)
	}
	require.True(t, sqltext.ContainsFold("-- Migrator: batch", "migrator:"))
}
