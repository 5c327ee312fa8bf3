package sqlfile

import (
	"regexp"
	"strings"
	"sync"

	"github.com/agent-shaker/agent-shaker/migrator/internal/sqllex"
	"github.com/agent-shaker/agent-shaker/migrator/internal/sqltext"
)

// Other tools keep the statements that apply and those that revert in one file, divided by a comment. PostgreSQL ignores comments,
// so both halves would run.

// A divider has the patterns of the comments that begin the two halves, without the dashes. up is empty where a tool has no such
// comment.
type divider struct {
	tool     string // "": words that people use by hand; they count only if there is something to apply as well
	up, down string
	ordinary bool // an ordinary comment inside a statement may have the same words
	pair     bool // down counts only after up
}

var dividers = []divider{
	{tool: "goose", up: `\+goose\s+up\b.*`, down: `\+goose\s+down\b.*`},
	{tool: "sql-migrate", up: `\+migrate\s+up\b.*`, down: `\+migrate\s+down\b.*`},
	{tool: "micrate", up: `\+micrate\s+up\b.*`, down: `\+micrate\s+down\b.*`},
	{tool: "dbmate", up: `migrate:up\b.*`, down: `migrate:down\b.*`},
	{tool: "tern", down: `create above / drop below`},
	{tool: "rambler", up: `rambler\s+up`, down: `rambler\s+down`},
	{tool: "node-pg-migrate", up: `up\s+migration`, down: `down\s+migration`},
	{tool: "MyBatis", down: `(//)?\s*@undo`},
	{tool: "Play", up: `!ups`, down: `!downs`},
	{tool: "Atlas", up: `migration\.sql --`, down: `down\.sql --`},
	{tool: "Mojo", up: `\d+\s+up`, down: `\d+\s+down`, ordinary: true},
	{tool: "shmig", up: `=+\s*up\s*=+`, down: `=+\s*down\s*=+`, ordinary: true},
	{tool: "eql", up: `:up`, down: `:down`, ordinary: true},
	{up: adorned(`up|do`), down: adorned(`down|undo`), ordinary: true},
	{up: adorned(upWords), down: adorned(`rollback|revert|backwards?|downgrade`), ordinary: true, pair: true},
	{up: decorated(`up;?|` + upWords), down: decorated(`(down|undo);?|rollback|revert|backwards?|downgrade`), ordinary: true, pair: true},
}

const upWords = `up|do|apply|migrate|deploy|forwards?|upgrade`

func adorned(words string) string { return `[@=*#<>\[ ]*(` + words + `)[=*#<>\]:{ ]*` }

// decorated matches a word with any decoration, or with a noun: "{{up}}", "migrate: up", "Up script".
func decorated(words string) string {
	const about = `(migrations?|migrate|scripts?|sql|section|part)`
	return `([^\w\s]+\s*)?(` + about + `[:\s]\s*)?[^\w\s]*(` + words + `)(\s+` + about + `)?(\s*[^\w\s;]+)?`
}

// downWords: each down pattern has one of these. A file without them needs no closer look.
var downWords = []string{"down", "undo", "drop below", "rollback", "revert", "backward"}

// patterns are the compiled up and down of each divider.
var patterns = sync.OnceValue(func() (compiled [][2]*regexp.Regexp) {
	for _, d := range dividers {
		compiled = append(compiled, [2]*regexp.Regexp{
			regexp.MustCompile(`^(?i:` + d.up + `)[-\s]*$`), regexp.MustCompile(`^(?i:` + d.down + `)[-\s]*$`),
		})
	}
	return compiled
})

// refuseHalves refuses a file whose two halves would both run.
func refuseHalves(name, sql string) *Problem {
	found := false
	for _, word := range downWords {
		found = found || sqltext.ContainsFold(sql, word)
	}
	if !found {
		return nil
	}
	h := halves{divided: -1}
	lexer := sqllex.New(sql) // Split reports errors in the text
	for token, ok := lexer.Next(); ok; token, ok = lexer.Next() {
		h.add(sql, token)
	}
	if h.divided < 0 || !h.divide(strings.HasSuffix(name, ".down.sql")) {
		return nil
	}
	message := "divides the file into two halves, which would both run here"
	if h.divider.tool != "" {
		message = "is written for " + h.divider.tool + ", whose up and down halves would both run here"
	}
	return &Problem{h.divided, message, withoutHalves(name)}
}

// halves is the state of reading a file: half 0 applies, half 1 reverts.
type halves struct {
	down    int     // the current half: 0 or 1
	has     [2]bool // whether each half has a statement
	open    bool    // inside a statement
	marked  bool    // half 0 began with a comment
	divided int     // the offset of half 1; -1: there is none
	divider divider
}

// divide reports whether the file must not run. The file of a known tool may have nothing to apply, and its second half must not
// run either.
func (h *halves) divide(reverts bool) bool {
	switch {
	case !h.has[1]:
		return false
	case reverts:
		return h.has[0]
	case h.divider.pair:
		return h.marked
	}
	return h.divider.tool != "" || h.has[0] || h.marked
}

func (h *halves) add(sql string, token sqllex.Token) {
	switch {
	case token.Kind == sqllex.Comment:
		text, block := strings.CutPrefix(token.Text(sql), "/*")
		if block {
			text = strings.TrimRight(strings.TrimSuffix(text, "*/"), "* \t")
		}
		if ownLine(sql, token, block) {
			h.read(strings.TrimLeft(text, "*- \t"), token.Start, block)
		}
	case token.Kind == sqllex.Semicolon:
		h.open = false
	case token.Significant() && token.Kind != sqllex.Backslash && token.Text(sql) != "#": // Play writes # --- !Downs
		h.has[h.down], h.open = true, true
	}
}

// read reads a comment. No tool uses block comments, so these count only in pairs.
func (h *halves) read(comment string, at int, block bool) {
	for i, pattern := range patterns() {
		switch d := dividers[i]; {
		case (d.ordinary || block) && h.open:
			continue
		case d.up != "" && pattern[0].MatchString(comment):
			h.down, h.marked = 0, true
		case pattern[1].MatchString(comment) && (!d.pair && !block || h.marked):
			if h.down = 1; h.divided < 0 {
				h.divided, h.divider = at, d
			}
		default:
			continue
		}
		return
	}
}

// ownLine reports whether a comment is alone on its line.
func ownLine(sql string, token sqllex.Token, block bool) bool {
	before := sql[strings.LastIndexByte(sql[:token.Start], '\n')+1 : token.Start]
	after, _, _ := strings.Cut(sql[token.End:], "\n")
	return strings.Trim(before, " \t\r#") == "" && (!block || strings.TrimSpace(after) == "" && !strings.Contains(token.Text(sql), "\n"))
}

// withoutHalves says how to turn the file into one of ours.
func withoutHalves(name string) string {
	if strings.HasSuffix(name, ".down.sql") {
		return "leave only the down half in it, and delete the marker comments"
	}
	return "put the down half into " + strings.TrimSuffix(strings.TrimSuffix(name, ".sql"), ".up") + ".down.sql and delete the marker comments; where the file is applied already, repair accepts the change"
}
