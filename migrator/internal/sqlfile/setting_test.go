package sqlfile

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestOnlyWhatIsInForceIsRepeated(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ statements, want []string }{
		{[]string{"set search_path = a", `set session "Search_Path" to b`}, []string{`set session "Search_Path" to b`}},
		{[]string{"set role a", "reset role"}, []string{"reset role"}},
		{[]string{"set role a", "set session authorization b"}, []string{"set session authorization b"}},
		{[]string{"set session authorization a", "set role b"}, []string{"set session authorization a", "set role b"}},
		{[]string{"set role a", "set work_mem = 1", "load 'x'", "reset all"}, []string{"set role a", "load 'x'", "reset all"}},
		{[]string{"set schema 'a'", "select set_config('search_path', 'b', false)"}, []string{"select set_config('search_path', 'b', false)"}},
		{[]string{"set time zone 'UTC'", "set timezone = 'CET'"}, []string{"set timezone = 'CET'"}},
		{[]string{"set a.b = 1", "set a.c = 2", "set a.b from current"}, []string{"set a.b = 1", "set a.c = 2", "set a.b from current"}},
	} {
		file := separate(t, append(c.statements, "select 1")...)
		var kept []string
		for _, s := range file.Separate[0].Settings {
			kept = append(kept, s.Span.Text(file.Text))
		}
		require.Equal(t, c.want, kept)
	}
}
