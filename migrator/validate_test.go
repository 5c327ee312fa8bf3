package migrator

import (
	"flag"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/agent-shaker/agent-shaker/migrator/internal/sqllex"
	"github.com/agent-shaker/agent-shaker/migrator/internal/testing/archive"
)

var update = flag.Bool("update", false, "write the expected output in testdata anew")

// transactional is a file without a directive.
func transactional(path, sql string) *Script {
	return &Script{Path: path, SQL: sql, Checksum: checksum(sql), Mode: Transactional}
}

// verdict is what testdata/review says of a file.
func verdict(s *Script) string {
	file, err := review(s)
	if err != nil {
		return err.Error() + "\n"
	}
	var b strings.Builder
	for _, warning := range warningsOf(s, file) {
		b.WriteString("warning: " + warning + "\n")
	}
	if file.Text != s.SQL {
		b.WriteString("sent:\n" + file.Text)
	}
	if b.Len() == 0 {
		return "legal\n"
	}
	return b.String()
}

func TestReviewSaysWhatIsWrongWhereAndWhatToDo(t *testing.T) {
	t.Parallel()
	paths, err := filepath.Glob("testdata/review/*.txtar")
	require.NoError(t, err)
	require.NotEmpty(t, paths)
	for _, path := range paths {
		a, err := archive.Read(path)
		require.NoError(t, err)
		require.Zero(t, len(a.Files)%2, path)
		for i := 0; i < len(a.Files); i += 2 {
			file, want := a.Files[i], &a.Files[i+1]
			require.Equal(t, "review", want.Name, path)
			t.Run(strings.TrimSuffix(filepath.Base(path), ".txtar")+"/"+file.Name, func(t *testing.T) {
				script, err := loadedScript(file.Name, file.Data)
				require.NoError(t, err)
				got := verdict(script)
				if *update {
					want.Data = got
				}
				require.Equal(t, want.Data, got)
			})
		}
		if *update {
			require.NoError(t, a.Write(path))
		}
	}
}

// loadedScript reads one file as Load does.
func loadedScript(name, sql string) (*Script, error) {
	s := &Script{Path: name, SQL: normalize(sql), Checksum: checksum(normalize(sql))}
	return s, s.readHeader()
}

func TestThePlacesOfAFileWhosePairIsLeftOutAreThoseOfTheFile(t *testing.T) {
	t.Parallel()
	for _, sql := range []string{
		"begin;\nselect 1;\ncommit;\n",
		"-- æøå\nBEGIN /* 漢字 */ WORK ;select 'é' ; select 2; END /* ü */ transaction -- ß\n",
		"begin /* é */ work;\nselect 1;\ncommit /* é */ work",
		"begin /* 🐘 */ transaction;select 1;commit",
		"begin --é\n work;\nselect 1;\nselect 2;\ncommit;",
	} {
		file, err := review(transactional("1_a.sql", sql))
		require.NoError(t, err, sql)
		require.Len(t, file.Warnings, 1, sql)
		require.Equal(t, utf8.RuneCountInString(sql), utf8.RuneCountInString(file.Text), sql)
		require.Equal(t, strings.Count(sql, "\n"), strings.Count(file.Text, "\n"), sql)
		sent, err := sqllex.Split(file.Text)
		require.NoError(t, err)
		require.Equal(t, file.Statements, sent, "%q is sent for %q", file.Text, sql)
		for _, s := range file.Statements {
			require.Equal(t, s.Text(sql), s.Text(file.Text), "%q is sent for %q", file.Text, sql)
			require.True(t, strings.HasPrefix(s.Text(sql), "select"), s.Text(sql))
		}
	}
}

func TestAFileWithBothAPairAroundItAndAnOpenQuoteIsToldAboutTheQuote(t *testing.T) {
	t.Parallel()
	_, err := review(transactional("1_a.sql", "begin;\ninsert into t values ('it's');\ncommit;\n"))
	require.ErrorContains(t, err, "1_a.sql:2:28: unterminated quoted string")
	require.NotContains(t, err.Error(), "1_a.sql:1:1")
}

func TestNothingIsSaidAboutTheRowsThatFollowACopy(t *testing.T) {
	t.Parallel()
	for _, rows := range []string{"1\tit's\n\\.\n", "end;\nrollback;\n\\.\n", "1\t\\N\n\\.\nselect 1;\n", ""} {
		_, err := review(transactional("1_a.sql", "create table t (a int);\ncopy t from stdin;\n"+rows))
		require.Len(t, problems(t, err), 1, "%q: %v", rows, err)
		require.ErrorContains(t, err, "1_a.sql:2:1: COPY … FROM STDIN")
	}
}

func TestAProblemAboveTheOpenQuoteDoesNotHideIt(t *testing.T) {
	t.Parallel()
	_, err := review(transactional("1_a.sql", "vacuum;\nselect 'it's';\n"))
	require.ErrorContains(t, err, "1_a.sql:1:1: cannot run inside a transaction")
	require.ErrorContains(t, err, "1_a.sql:2:13: unterminated quoted string")
}

func TestAFileThatAsksForAModeThatThereIsNotIsRefused(t *testing.T) {
	t.Parallel()
	_, err := review(&Script{Path: "1_a.sql", Mode: batchMode})
	var refused *FileError
	require.ErrorAs(t, err, &refused)
	require.Equal(t, "asks for batch mode, which this version cannot run yet", refused.Message)
}

func TestADirectiveInCapitalsBelowTheFirstStatementIsNotIgnoredEither(t *testing.T) {
	t.Parallel()
	_, err := review(transactional("1_a.sql", "select 1;\n-- Migrator: lock-timeout=10s\nselect 2;\n"))
	require.ErrorContains(t, err, "1_a.sql:2:1: a directive below the first statement has no effect")
}

func TestAReviewerReadsAFileOnceUnlessItWasRefused(t *testing.T) {
	t.Parallel()
	r := &reviewer{}
	good := transactional("1_a.sql", "select 1")
	first, err := r.review(good)
	require.NoError(t, err)
	again, err := r.review(good)
	require.NoError(t, err)
	require.Same(t, first, again)

	bad := transactional("2_b.sql", "commit")
	for range 2 {
		_, err = r.review(bad)
		require.Error(t, err)
	}
}

func FuzzReview(f *testing.F) {
	for _, seed := range []string{
		"", ";", "select 1", "begin;select 1;commit", "begin isolation level serializable;commit", "BEGIN WORK;END TRANSACTION;", "commit;begin",
		"copy t from stdin;\n1\t\\N\n\\.\n", "do $$begin commit; end$$", "create function f() returns int begin atomic select 1; end",
		"rollback to a; savepoint a; release a", "-- +goose Up\n", "select 1;-- migrator: batch", "begin;;commit;;", "(begin);", "begin/*é*/work;commit",
		"set client_encoding=x;set names x;reset all", "prepare transaction 'x'", "select 'open", "begin;begin;commit;commit", "\\d", "reindex (concurrently off) table t",
	} {
		f.Add(seed)
	}
	ends := map[string]bool{"BEGIN": true, "START": true, "COMMIT": true, "END": true, "ABORT": true, "VACUUM": true}
	f.Fuzz(func(t *testing.T, sql string) {
		if !utf8.ValidString(sql) {
			return // refused by Load
		}
		_, err := review(transactional("1_a.sql", sql+"\n;select 1;\n"+said[len(sql)%len(said)]))
		require.Error(t, err, "a directive that has no effect")
		file, err := review(transactional("1_a.sql", sql))
		if err != nil {
			var refused *FileError
			require.ErrorAs(t, err, &refused, "%T", err)
			require.NotEmpty(t, err.Error())
			return
		}
		require.Equal(t, utf8.RuneCountInString(sql), utf8.RuneCountInString(file.Text))
		sent, err := sqllex.Split(file.Text)
		require.NoError(t, err)
		require.Len(t, file.Statements, len(sent))
		for i, s := range sent {
			require.Equal(t, file.Statements[i], s)
			words := s.Words(file.Text)
			require.False(t, ends[words[0]], "%q", words)
			if words[0] == "ROLLBACK" {
				require.Contains(t, words[1:min(3, len(words))], "TO")
			}
		}
	})
}
