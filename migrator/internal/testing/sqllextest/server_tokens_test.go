package sqllextest_test

import (
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"github.com/agent-shaker/agent-shaker/migrator/internal/sqllex"
	"github.com/agent-shaker/agent-shaker/migrator/internal/testing/pgparse"
	"github.com/agent-shaker/agent-shaker/migrator/internal/testing/sqllextest"
)

// tokensAreTheServers asks the server at the end of each token which one follows. After "create or" it accepts one word
// and complains about anything else: where it begins, and how it reads.
func tokensAreTheServers(t *testing.T, server *pgparse.Server, src string) {
	all, lexical := sqllextest.TokensWithoutGaps(t, src)
	var expected []sqllex.Token
	questions := []string{question(src)}
	for _, token := range all {
		for _, part := range serverTokens(src, token) {
			expected = append(expected, part)
			questions = append(questions, question(src[part.End:]))
		}
	}
	if open := end(all); lexical != nil && strings.EqualFold(src[open:open+1], "n") { // N'… without an end
		expected = append(expected, sqllex.Token{Kind: sqllex.Word, Start: open, End: open + 1})
		questions = append(questions, question(src[open+1:]))
	}
	readings, err := server.Read(t.Context(), questions...)
	require.NoError(t, err)
	for i, r := range readings {
		require.Equal(t, pgparse.Refused, r.Kind, "%q", questions[i])
		if i < len(expected) {
			sameToken(t, src, expected[i], questions[i], r.Error, lexical != nil)
		} else if lexical == nil {
			require.Equal(t, "syntax error at end of input", r.Error.Message, "%q", questions[i])
		} else {
			// It is not closed there either; most often the server says just that.
			require.False(t, strings.HasPrefix(r.Error.Message, "syntax error"), "%q: %s", questions[i], r.Error.Message)
		}
	}
}

// serverTokens are those that the server makes of a significant token: to it the prefix of N'…' is a word.
func serverTokens(src string, token sqllex.Token) []sqllex.Token {
	switch text := token.Text(src); {
	case !token.Significant():
		return nil
	case token.Kind == sqllex.String && (text[0] == 'n' || text[0] == 'N'):
		quote := token.Start + 1
		return []sqllex.Token{{Kind: sqllex.Word, Start: token.Start, End: quote}, {Kind: sqllex.String, Start: quote, End: token.End}}
	}
	return []sqllex.Token{token}
}

func end(tokens []sqllex.Token) int {
	if len(tokens) == 0 {
		return 0
	}
	return tokens[len(tokens)-1].End
}

// sameToken compares a token with the server's complaint about the first one in a question.
func sameToken(t *testing.T, src string, token sqllex.Token, question string, complaint *pgconn.PgError, open bool) {
	got, ok := strings.CutPrefix(complaint.Message, `syntax error at or near "`)
	if !ok {
		// The server refuses what is in the token, such as \u12 in an E string, an empty name or 12ab, or it has looked at
		// the next one.
		require.NotEqual(t, "syntax error at end of input", complaint.Message, "%q", question)
		require.True(t, open || !strings.HasPrefix(complaint.Message, "unterminated "), "%q: %s", question, complaint.Message)
		return
	}
	got = strings.TrimSuffix(got, `"`)
	switch want := token.Text(src); {
	case token.Kind == sqllex.Number, token.Kind == sqllex.Backslash:
		// Older servers end some numbers earlier; of a meta-command they know the backslash.
		require.True(t, strings.HasPrefix(want, got), "%q: %s", question, complaint.Message)
	case len(want) > 1 && strings.EqualFold(want[:2], "u&"):
		rest, _ := strings.CutPrefix(got, want) // to the server a UESCAPE '!' is part of the token
		require.NotEqual(t, got, rest, "%q: %s", question, complaint.Message)
		require.True(t, rest == "" || strings.Contains(strings.ToLower(rest), "uescape"), "%q: %s", question, complaint.Message)
	default:
		require.Equal(t, want, got, "%q", question)
	}
	// Counted from the end, since the question has other words in front of the rest of the text.
	at := sqllex.ByteOffset(question, int(complaint.Position))
	require.Equal(t, len(src)-token.Start, len(question)-at, "%q: %s", question, complaint.Message)
}

// question makes rest a text that the server refuses at its first token.
func question(rest string) string {
	for token := range sqllex.Significant(rest) {
		if strings.EqualFold(token.Text(rest), "replace") {
			return "drop access " + rest
		}
		break
	}
	return "create or " + rest
}
