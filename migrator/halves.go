package migrator

import (
	"regexp"
	"strings"
	"sync"

	"github.com/agent-shaker/agent-shaker/migrator/internal/sqllex"
)

// What other tools write between the halves of a file. To PostgreSQL it is a comment, so both halves would run.

// A divider is how the halves of a file begin: patterns of a line comment, without its dashes. Where a tool has none of the
// first kind, up is empty.
type divider struct {
	tool     string // "": anybody's words, which count only where something is to apply too
	up, down string
	ordinary bool // a comment within a statement may say the same
	pair     bool // down counts only where up was written too
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

// decorated is a word in any decoration, or next to what it is about: "{{up}}", "migrate: up", "Up script". Nothing else follows.
func decorated(words string) string {
	const about = `(migrations?|migrate|scripts?|sql|section|part)`
	return `([^\w\s]+\s*)?(` + about + `[:\s]\s*)?[^\w\s]*(` + words + `)(\s+` + about + `)?(\s*[^\w\s;]+)?`
}

// downWords are those of which each pattern of a half that reverts has one.
var downWords = []string{"down", "undo", "drop below", "rollback", "revert", "backward"}

// patterns has an up and a down for each divider.
var patterns = sync.OnceValue(func() (compiled [][2]*regexp.Regexp) {
	for _, d := range dividers {
		compiled = append(compiled, [2]*regexp.Regexp{
			regexp.MustCompile(`^(?i:` + d.up + `)[-\s]*$`), regexp.MustCompile(`^(?i:` + d.down + `)[-\s]*$`),
		})
	}
	return compiled
})

// refuseHalves refuses a file of which the half that reverts would run with the other one.
func refuseHalves(s *Script) error {
	found := false
	for _, word := range downWords {
		found = found || containsFold(s.SQL, word)
	}
	if !found {
		return nil
	}
	h := halves{divided: -1}
	lexer := sqllex.New(s.SQL) // review reports what is wrong with the text
	for token, ok := lexer.Next(); ok; token, ok = lexer.Next() {
		h.add(s.SQL, token)
	}
	if h.divided < 0 || !h.divide(strings.HasSuffix(s.Path, ".down.sql")) {
		return nil
	}
	message := "divides the file into two halves, which would both run here"
	if h.divider.tool != "" {
		message = "is written for " + h.divider.tool + ", whose up and down halves would both run here"
	}
	return s.errorAt(h.divided, message, s.withoutHalves())
}

// halves are those of a file as it is read: the one that applies, and the one that reverts.
type halves struct {
	down    int     // which one it is in: 0 or 1
	has     [2]bool // whether it has a statement
	open    bool    // a statement has begun and not ended
	marked  bool    // the one that applies has a comment of its own
	divided int     // where the one that reverts begins; -1: there is none
	divider divider
}

// divide reports whether both halves would run. The file of a tool may have nothing to apply, and still has something that
// must not run.
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

// read reads what a comment says. No tool has its markers in block comments, so there they count only as a pair.
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

// ownLine reports whether a comment has a line of its own.
func ownLine(sql string, token sqllex.Token, block bool) bool {
	before := sql[strings.LastIndexByte(sql[:token.Start], '\n')+1 : token.Start]
	after, _, _ := strings.Cut(sql[token.End:], "\n")
	return strings.Trim(before, " \t\r#") == "" && (!block || strings.TrimSpace(after) == "" && !strings.Contains(token.Text(sql), "\n"))
}

// withoutHalves says how a file of another tool becomes one of ours.
func (s *Script) withoutHalves() string {
	if strings.HasSuffix(s.Path, ".down.sql") {
		return "leave only the down half in it, and delete the marker comments"
	}
	return "put the down half into " + Version(s.Path).stem() + ".down.sql and delete the marker comments; where the file is applied already, repair accepts the change"
}
