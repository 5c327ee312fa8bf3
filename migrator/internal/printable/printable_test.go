package printable_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/agent-shaker/agent-shaker/migrator/internal/printable"
)

func TestATerminalIsNotMadeToObeyATextOfOthers(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"":                               "",
		"plain, äöü, 漢字, 🙂, ✓":           "plain, äöü, 漢字, 🙂, ✓",
		"no-break\u00a0and wide\u3000":   "no-break\u00a0and wide\u3000",
		"\x1b[2J\x1b]0;title\a":          `\x1b[2J\x1b]0;title\a`,
		"over\bwritten\rerror":           `over\bwritten\rerror`,
		"del\x7f, nul\x00":               `del\x7f, nul\x00`,
		"C1 \u009b2J and \u0085":         `C1 \u009b2J and \u0085`,
		"a byte \x9b2J":                  `a byte \x9b2J`,
		"001_\u202egnp.sql":              `001_\u202egnp.sql`,
		"\u2066isolate\u2069":            `\u2066isolate\u2069`,
		"zero\u200bwidth\u200d\ufeff":    `zero\u200bwidth\u200d\ufeff`,
		"line\u2028separator\u2029":      `line\u2028separator\u2029`,
		"soft\u00adhyphen":               `soft\u00adhyphen`,
		"filler\u3164and tag\U000e0041.": `filler\u3164and tag\U000e0041.`,
		"replacement \ufffd stays":       "replacement \ufffd stays",
	} {
		require.Equal(t, want, printable.Text(text), "%q", text)
		require.Equal(t, want, printable.Line(text), "%q", text)
	}
	require.Equal(t, "a\n\tb\nc", printable.Text("a\r\n\tb\nc"))
	require.Equal(t, `a\n\tb\nc`, printable.Line("a\r\n\tb\nc"))
}

func TestLinesOfOthersAreIndented(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"one":                       "one",
		"one\n":                     "one",
		"no\nerror: it\r\nSTATE: x": "no\n    error: it\n    STATE: x",
		"a\n\nb":                    "a\n    \n    b",
	} {
		require.Equal(t, want, printable.Indented(text))
	}
}
