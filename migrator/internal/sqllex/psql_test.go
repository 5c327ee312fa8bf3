package sqllex_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/agent-shaker/agent-shaker/migrator/internal/sqllex"
)

// The right side was sent through psql: it arrives at the server as the left one.
func TestForPsqlKeepsPsqlFromReadingMoreThanTheServer(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ src, want string }{
		{`:a, :'a', :"a", :{?a}, :1, :_, :ä`, `\:a, \:'a', \:"a", \:{?a}, \:1, \:_, \:ä`},
		{`1::a, x:=a, : a, :, :-a, :$a`, `1::a, x:=a, : a, :, :-a, :$a`},
		{`:a:b :a::b :::a :::=a`, `\:a\:b \:a::b ::\:a :::=a`},
		{`x[1:2], x[a:b], x[a : b], x[:], x[:a]`, `x[1\:2], x[a\:b], x[a : b], x[:], x[\:a]`},
		{`:'', :'a b', :"", :"a b", :{a}, :{?}, :{?a b}`, `:'', :'a b', :"", :"a b", :{a}, :{?}, :{?a b}`},
		{`':a', E'\':a', U&':a', $$ :a $$, $b$ :'a' $b$, ":a"`, `':a', E'\':a', U&':a', $$ :a $$, $b$ :'a' $b$, ":a"`},
		{"/* :a */ 1 -- :a\n:a", "/* :a */ 1 -- :a\n\\:a"},
		{`:e'\'a', :"a"'b'`, `\:e'\'a', \:"a"'b'`},
		{"'a'\n':a' :a", "'a'\n':a' \\:a"},
		{`:'a`, `:'a`},
		{`:a 'b :a`, `\:a 'b :a`},

		{"E'\\'a' -- \\'\n'\\'b\\\\' :a", "E'\\'a' -- ''\n'''b\\\\' \\:a"},
		{"e'a'\n'\\\\\\'\\n'\n'\\''", "e'a'\n'\\\\''\\n'\n''''"},
		{"'a'\n'b\\', U&'a'\n'b\\'", "'a'\n'b\\', U&'a'\n'b\\'"},
	} {
		require.Equal(t, c.want, sqllex.ForPsql(c.src))
	}
}
