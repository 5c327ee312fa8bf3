package sqllex_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/agent-shaker/agent-shaker/migrator/internal/sqllex"
)

// tokens returns "kind text" for every token but space, and the error's message.
func tokens(src string) []string {
	var list []string
	lexer := sqllex.New(src)
	for token, ok := lexer.Next(); ok; token, ok = lexer.Next() {
		if token.Kind != sqllex.Space {
			list = append(list, token.Kind.String()+" "+token.Text(src))
		}
	}
	if err := lexer.Err(); err != nil {
		list = append(list, "error "+err.Error())
	}
	return list
}

func TestTokensAreThoseOfTheServer(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		src  string
		want string // separated by line breaks, which are ↵ inside a token
	}{
		{"select a1$, _b, ä;", "word select\nword a1$\nsymbol ,\nword _b\nsymbol ,\nword ä\nsemicolon ;"},
		{"-- one\r--two\n/* three */--", "comment -- one\ncomment --two\ncomment /* three */\ncomment --"},
		{"/*/**/*/*/", "comment /*/**/*/\nsymbol */"},

		{"'a''b'", "string 'a''b'"},
		{"e'\\''E'a'", "string e'\\''\nstring E'a'"},
		{"type'a'", "word type\nstring 'a'"},
		{"b'1'X'F'n'a'U&'b'", "string b'1'\nstring X'F'\nstring n'a'\nstring U&'b'"},
		{"b'0''1' x'F'\n'F''a'", "string b'0'\nstring '1'\nstring x'F'↵'F'\nstring 'a'"},
		{"'a'\n'b' 'c'", "string 'a'↵'b'\nstring 'c'"},
		{"E'a' -- '\n 'b\\''", "string E'a' -- '↵ 'b\\''"},
		{"'a' /* */\n'b'", "string 'a'\ncomment /* */\nstring 'b'"},
		{"'a' --\n-b", "string 'a'\ncomment --\nsymbol -\nword b"},
		{`"a""b" u&"c" u&c`, "quoted \"a\"\"b\"\nquoted u&\"c\"\nword u\nsymbol &\nword c"},
		{`"" ''`, "quoted \"\"\nstring ''"},

		{"$$a$b$$ $x$$y$x$ $X", "string $$a$b$$\nstring $x$$y$x$\nsymbol $\nword X"},
		{"$1$23 $1a $", "param $1\nparam $23\nparam $1\nword a\nsymbol $"},

		{"1 1.5 .5 1. 1e5 1.5E-3 1e+x", "number 1\nnumber 1.5\nnumber .5\nnumber 1.\nnumber 1e5\nnumber 1.5E-3\nnumber 1\nword e\nsymbol +\nword x"},
		{"1..2 a.b a..b 123abc", "number 1\nsymbol ..\nnumber 2\nword a\nsymbol .\nword b\nword a\nsymbol ..\nword b\nnumber 123\nword abc"},
		{"0x1F 0B_01 0o7 1_000 1__0 0xg", "number 0x1F\nnumber 0B_01\nnumber 0o7\nnumber 1_000\nnumber 1\nword __0\nnumber 0\nword xg"},
		{"1e'\\'' 0x'1' 0b1e'a'", "number 1\nstring e'\\''\nnumber 0\nstring x'1'\nnumber 0\nword b1e\nstring 'a'"},

		{"a::b:=c:d:::e", "word a\nsymbol ::\nword b\nsymbol :=\nword c\nsymbol :\nword d\nsymbol ::\nsymbol :\nword e"},
		{"(a[1],)", "symbol (\nword a\nsymbol [\nnumber 1\nsymbol ]\nsymbol ,\nsymbol )"},
		{"1+-2 1@-2 a<>b a->>b", "number 1\nsymbol +\nsymbol -\nnumber 2\nnumber 1\nsymbol @-\nnumber 2\nword a\nsymbol <>\nword b\nword a\nsymbol ->>\nword b"},
		{"=+-+a *-+b ?-+c", "symbol =\nsymbol +\nsymbol -\nsymbol +\nword a\nsymbol *\nsymbol -\nsymbol +\nword b\nsymbol ?-+\nword c"},
		{"+/* */-*--", "symbol +\ncomment /* */\nsymbol -*\ncomment --"},
		{"@--a\n!/**/", "symbol @\ncomment --a\nsymbol !\ncomment /**/"},
		{"{}\x00", "symbol {\nsymbol }\nsymbol \x00"},

		{"a \\d b; c\nd", "word a\nbackslash \\d b; c\nword d"},
		{"a 'b", "word a\nerror unterminated quoted string (a quote inside it is written twice: '')"},
	} {
		var want []string
		for _, token := range strings.Split(c.want, "\n") {
			want = append(want, strings.ReplaceAll(token, "↵", "\n"))
		}
		require.Equal(t, want, tokens(c.src), c.src)
	}
}

func TestEveryKindHasAName(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for kind := sqllex.Space; kind <= sqllex.Backslash; kind++ {
		require.NotEqual(t, "unknown", kind.String())
		require.False(t, seen[kind.String()], kind)
		seen[kind.String()] = true
	}
	require.Equal(t, "unknown", (sqllex.Backslash + 1).String())
}

func TestSignificantTokensLeaveOutSpaceAndComments(t *testing.T) {
	t.Parallel()
	src := " a /* b */ ; -- c\n'd' 'e"
	var texts []string
	for token := range sqllex.Significant(src) {
		texts = append(texts, token.Text(src))
	}
	require.Equal(t, []string{"a", ";", "'d'"}, texts)
}
