package script

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/agent-shaker/agent-shaker/migrator/internal/sqlfile"
)

// sent is what is sent for a file, between statements of our own that hold characters of several bytes.
func sent(t *testing.T, sql string) (operations []Op, file *sqlfile.File) {
	t.Helper()
	file, problems := sqlfile.Parse("1_a.sql", sql, false)
	require.Empty(t, problems)
	return []Op{
		Frame("begin"),
		{Kind: OpClaim, SQL: "insert 'æøå漢字'"},
		fileOp(file),
		Frame("reset all"),
		{Kind: OpSeal, SQL: "seal 'é'"},
		{Kind: OpCommit, SQL: "commit"},
		clean("discard temp"),
	}, file
}

// at is a position as PostgreSQL counts it, of a byte offset.
func at(text string, offset int) int { return utf8.RuneCountInString(text[:offset]) + 1 }

var files = []string{
	"select 1;\nselect 'é' from x;\n  select 2",
	"-- æøå\ncreate table \"漢字\" (a int);;\n\ninsert into \"漢字\" values (🐘) -- end",
	"begin;\nselect 'ü';\nselect nothing;\ncommit;\n",
	"select 1;",
}

func TestAWholeStepIsOneMessageWhoseFileCannotSwallowWhatFollows(t *testing.T) {
	t.Parallel()
	operations, _ := sent(t, "select 1 -- end")
	messages := Whole(operations)
	require.Len(t, messages, 1)
	require.Equal(t, "begin;\ninsert 'æøå漢字';\nselect 1 -- end\n;\nreset all;\nseal 'é';\ncommit;\ndiscard temp;\n", messages[0].SQL)
	for i, p := range messages[0].Parts {
		require.True(t, strings.HasPrefix(messages[0].SQL[p.Start:], operations[i].SQL))
	}
}

func TestOneByOneEachStatementIsAMessage(t *testing.T) {
	t.Parallel()
	operations, _ := sent(t, "begin; select 1; /* x */ select 'é;' -- end\n;;\nselect 2; commit -- x")
	var texts []string
	for _, m := range OneByOne(operations) {
		texts = append(texts, m.SQL)
	}
	require.Equal(t, []string{"begin;\ninsert 'æøå漢字';\n", "select 1", "select 'é;'", "select 2", "reset all;\nseal 'é';\ncommit;\ndiscard temp;\n"}, texts)
}

func TestAFileWithoutStatementsIsNoMessageOneByOne(t *testing.T) {
	t.Parallel()
	operations, _ := sent(t, "-- nothing")
	require.Len(t, OneByOne(operations), 2)
	require.Len(t, Whole(operations), 1)
}

func TestAPositionOfTheServerIsThePlaceInTheFile(t *testing.T) {
	t.Parallel()
	for _, sql := range files {
		operations, file := sent(t, sql)
		end := len(strings.TrimRight(sql, "\n"))
		for offset := range sql[:end] {
			m := Whole(operations)[0]
			position := at(m.SQL, m.Parts[2].Start+offset)
			failed := m.Locate(0, position, false)
			require.Equal(t, OpFile, failed.Op.Kind)
			require.Equal(t, offset, failed.Offset, "%q", sql[offset:])

			position = m.Parts[2].Start + offset + 1 // SQL_ASCII knows bytes only
			require.Equal(t, offset, m.Locate(0, position, true).Offset)
		}
		for _, m := range OneByOne(operations) {
			if m.Parts[0].Op.Kind != OpFile {
				continue
			}
			for offset := range m.SQL {
				position := at(m.SQL, offset)
				failed := m.Locate(0, position, false)
				require.Equal(t, m.SQL[offset:], sql[failed.Offset:][:len(m.SQL)-offset])
			}
		}
		require.NotEmpty(t, file.Statements)
	}
}

func TestAnErrorWithoutAPositionIsAtTheStatementThatWasNotAnswered(t *testing.T) {
	t.Parallel()
	for _, sql := range files {
		operations, file := sent(t, sql)
		m := Whole(operations)[0]
		kinds := []OpKind{OpFrame, OpClaim}
		for range file.Statements {
			kinds = append(kinds, OpFile)
		}
		kinds = append(kinds, OpFrame, OpSeal, OpCommit, OpClean)
		for answered, kind := range kinds {
			failed := m.Locate(answered, 0, false)
			require.Equal(t, kind, failed.Op.Kind, "%d answered", answered)
			if kind == OpFile {
				require.Equal(t, file.Statements[answered-2].Start, failed.Offset)
			} else {
				require.Equal(t, -1, failed.Offset, "it was not the file")
			}
		}
		require.Equal(t, OpClean, m.Locate(len(kinds), 0, false).Op.Kind, "after all the answers")

		statements := 0
		for _, m := range OneByOne(operations) {
			failed := m.Locate(0, 0, false)
			if failed.Op.Kind == OpFile {
				require.Equal(t, file.Statements[statements].Start, failed.Offset)
				statements++
			}
		}
		require.Equal(t, len(file.Statements), statements)
	}
}

func TestAnErrorInAStatementOfOurOwnHasNoPlaceInTheFile(t *testing.T) {
	t.Parallel()
	operations, _ := sent(t, "select 1;")
	m := Whole(operations)[0]
	for i, p := range m.Parts {
		if i == 2 {
			continue
		}
		position := at(m.SQL, p.Start+2)
		failed := m.Locate(0, position, false)
		require.Equal(t, operations[i].Kind, failed.Op.Kind)
		require.Equal(t, -1, failed.Offset)
	}
}

func TestAnErrorAtTheEndOfTheFileIsAtItsLastCharacter(t *testing.T) {
	t.Parallel()
	for sql, want := range map[string]string{
		"select 1 from":           "m",
		"select 1 from\n\n":       "m",
		"select 1; select 'é' +":  "+",
		"select 'é' \"漢字\" as 漢字": "字",
	} {
		operations, _ := sent(t, sql)
		m := Whole(operations)[0]
		semicolon := m.Parts[2].Start + len(sql) + 1
		require.Equal(t, ";", m.SQL[semicolon:semicolon+1])
		position := at(m.SQL, semicolon)
		failed := m.Locate(0, position, false)
		require.Equal(t, OpFile, failed.Op.Kind)
		require.Equal(t, want, strings.TrimSpace(sql[failed.Offset:]))
	}
}

func TestAnErrorAtTheEndOfTheFileIsAtItsLastStatementNotInTheCommentBelow(t *testing.T) {
	t.Parallel()
	const sql = "select 1 from\n-- the table will follow\n"
	operations, _ := sent(t, sql)
	m := Whole(operations)[0]
	position := at(m.SQL, m.Parts[2].Start+len(sql)+1)
	require.Equal(t, strings.Index(sql, "m\n"), m.Locate(0, position, false).Offset)
}

func TestAnErrorInAFileThatHoldsNothingStillHasAPlace(t *testing.T) {
	t.Parallel()
	for _, sql := range []string{"", "\n \n"} {
		operations, _ := sent(t, sql)
		m := Whole(operations)[0]
		position := at(m.SQL, m.Parts[2].Start+len(sql))
		require.Zero(t, m.Locate(0, position, false).Offset)
	}
}

func TestTheAnswersOfAPartAreThoseOfItsStatements(t *testing.T) {
	t.Parallel()
	operations, _ := sent(t, "select 1; ; select 2;;")
	var counts []int
	for _, p := range Whole(operations)[0].Parts {
		counts = append(counts, p.Results())
	}
	require.Equal(t, []int{1, 1, 2, 1, 1, 1, 1}, counts)
}
