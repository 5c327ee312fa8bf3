package migrator

import (
	"errors"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"github.com/agent-shaker/agent-shaker/migrator/internal/sqlfile"
)

// sent is what is sent for a file, between statements of our own that hold characters of several bytes.
func sent(t *testing.T, sql string) (operations []operation, file *sqlfile.File) {
	t.Helper()
	file, err := review(transactional("1_a.sql", sql))
	require.NoError(t, err)
	return []operation{
		frame("begin"),
		{kind: opClaim, sql: "insert 'æøå漢字'"},
		fileOperation(file),
		frame("reset all"),
		{kind: opSeal, sql: "seal 'é'"},
		{kind: opCommit, sql: "commit"},
		clean("discard temp"),
	}, file
}

// at is a position as PostgreSQL counts it, of a byte offset.
func at(text string, offset int) *pgconn.PgError {
	return &pgconn.PgError{Position: int32(utf8.RuneCountInString(text[:offset]) + 1)}
}

var files = []string{
	"select 1;\nselect 'é' from x;\n  select 2",
	"-- æøå\ncreate table \"漢字\" (a int);;\n\ninsert into \"漢字\" values (🐘) -- end",
	"begin;\nselect 'ü';\nselect nothing;\ncommit;\n",
	"select 1;",
}

func TestAWholeStepIsOneMessageWhoseFileCannotSwallowWhatFollows(t *testing.T) {
	t.Parallel()
	operations, _ := sent(t, "select 1 -- end")
	messages := whole(operations)
	require.Len(t, messages, 1)
	require.Equal(t, "begin;\ninsert 'æøå漢字';\nselect 1 -- end\n;\nreset all;\nseal 'é';\ncommit;\ndiscard temp;\n", messages[0].sql)
	for i, p := range messages[0].parts {
		require.True(t, strings.HasPrefix(messages[0].sql[p.start:], operations[i].sql))
	}
}

func TestOneByOneEachStatementIsAMessage(t *testing.T) {
	t.Parallel()
	operations, _ := sent(t, "begin; select 1; /* x */ select 'é;' -- end\n;;\nselect 2; commit -- x")
	var texts []string
	for _, m := range oneByOne(operations) {
		texts = append(texts, m.sql)
	}
	require.Equal(t, []string{"begin;\ninsert 'æøå漢字';\n", "select 1", "select 'é;'", "select 2", "reset all;\nseal 'é';\ncommit;\ndiscard temp;\n"}, texts)
}

func TestAFileWithoutStatementsIsNoMessageOneByOne(t *testing.T) {
	t.Parallel()
	operations, _ := sent(t, "-- nothing")
	require.Len(t, oneByOne(operations), 2)
	require.Len(t, whole(operations), 1)
}

func TestAPositionOfTheServerIsThePlaceInTheFile(t *testing.T) {
	t.Parallel()
	for _, sql := range files {
		operations, file := sent(t, sql)
		end := len(strings.TrimRight(sql, "\n"))
		for offset := range sql[:end] {
			m := whole(operations)[0]
			pg := at(m.sql, m.parts[2].start+offset)
			failed := m.locate(0, pg, pg, false)
			require.Equal(t, opFile, failed.operation.kind)
			require.Equal(t, offset, failed.offset, "%q", sql[offset:])

			pg.Position = int32(m.parts[2].start + offset + 1) // SQL_ASCII knows bytes only
			require.Equal(t, offset, m.locate(0, pg, pg, true).offset)
		}
		for _, m := range oneByOne(operations) {
			if m.parts[0].operation.kind != opFile {
				continue
			}
			for offset := range m.sql {
				pg := at(m.sql, offset)
				failed := m.locate(0, pg, pg, false)
				require.Equal(t, m.sql[offset:], sql[failed.offset:][:len(m.sql)-offset])
			}
		}
		require.NotEmpty(t, file.Statements)
	}
}

func TestAnErrorWithoutAPositionIsAtTheStatementThatWasNotAnswered(t *testing.T) {
	t.Parallel()
	for _, sql := range files {
		operations, file := sent(t, sql)
		m := whole(operations)[0]
		err := errors.New("division by zero")
		kinds := []operationKind{opFrame, opClaim}
		for range file.Statements {
			kinds = append(kinds, opFile)
		}
		kinds = append(kinds, opFrame, opSeal, opCommit, opClean)
		for answered, kind := range kinds {
			for _, pg := range []*pgconn.PgError{nil, {}} {
				failed := m.locate(answered, err, pg, false)
				require.Equal(t, kind, failed.operation.kind, "%d answered", answered)
				require.Equal(t, err, failed.err)
				if kind == opFile {
					require.Equal(t, file.Statements[answered-2].Start, failed.offset)
				} else {
					require.Equal(t, -1, failed.offset, "it was not the file")
				}
			}
		}
		require.Equal(t, opClean, m.locate(len(kinds), err, nil, false).operation.kind, "after all the answers")

		statements := 0
		for _, m := range oneByOne(operations) {
			failed := m.locate(0, err, nil, false)
			if failed.operation.kind == opFile {
				require.Equal(t, file.Statements[statements].Start, failed.offset)
				statements++
			}
		}
		require.Equal(t, len(file.Statements), statements)
	}
}

func TestAnErrorInAStatementOfOurOwnHasNoPlaceInTheFile(t *testing.T) {
	t.Parallel()
	operations, _ := sent(t, "select 1;")
	m := whole(operations)[0]
	for i, p := range m.parts {
		if i == 2 {
			continue
		}
		pg := at(m.sql, p.start+2)
		failed := m.locate(0, pg, pg, false)
		require.Equal(t, operations[i].kind, failed.operation.kind)
		require.Equal(t, -1, failed.offset)
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
		m := whole(operations)[0]
		semicolon := m.parts[2].start + len(sql) + 1
		require.Equal(t, ";", m.sql[semicolon:semicolon+1])
		pg := at(m.sql, semicolon)
		failed := m.locate(0, pg, pg, false)
		require.Equal(t, opFile, failed.operation.kind)
		require.Equal(t, want, strings.TrimSpace(sql[failed.offset:]))
	}
}

func TestAnErrorAtTheEndOfTheFileIsAtItsLastStatementNotInTheCommentBelow(t *testing.T) {
	t.Parallel()
	const sql = "select 1 from\n-- the table will follow\n"
	operations, _ := sent(t, sql)
	m := whole(operations)[0]
	pg := at(m.sql, m.parts[2].start+len(sql)+1)
	require.Equal(t, strings.Index(sql, "m\n"), m.locate(0, pg, pg, false).offset)
}

func TestAnErrorInAFileThatHoldsNothingStillHasAPlace(t *testing.T) {
	t.Parallel()
	for _, sql := range []string{"", "\n \n"} {
		operations, _ := sent(t, sql)
		m := whole(operations)[0]
		pg := at(m.sql, m.parts[2].start+len(sql))
		require.Zero(t, m.locate(0, pg, pg, false).offset)
	}
}

func TestTheAnswersOfAPartAreThoseOfItsStatements(t *testing.T) {
	t.Parallel()
	operations, _ := sent(t, "select 1; ; select 2;;")
	var counts []int
	for _, p := range whole(operations)[0].parts {
		counts = append(counts, p.results())
	}
	require.Equal(t, []int{1, 1, 2, 1, 1, 1, 1}, counts)
}
