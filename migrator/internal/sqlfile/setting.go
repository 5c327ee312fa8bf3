package sqlfile

import (
	"slices"
	"strings"

	"github.com/agent-shaker/agent-shaker/migrator/internal/sqllex"
)

// A Setting is a statement that only sets something for the session. It is repeated before each later statement of a no-transaction
// file while it is in force, and not longer: a role may be dropped after it is reset.
type Setting struct {
	Span sqllex.Statement
	Name string // "": not known; it stays in force
	All  bool   // RESET ALL
}

const (
	RoleSetting    = "role"
	SessionUser    = "session_authorization"
	searchPathName = "search_path"
)

func newSetting(sql string, statement sqllex.Statement) Setting {
	s := Setting{Span: statement}
	switch c := newCursor(statement.Text(sql)); {
	case c.take("RESET", "ALL"):
		s.All = true
	case c.take("RESET"):
		s.Name = c.setting()
	case c.take("SET"):
		s.Name = c.setting()
		if c.at("FROM") { // FROM CURRENT, which changes nothing
			s.Name = ""
		}
	case c.take("SELECT"):
		i := slices.IndexFunc(c.tokens, func(t sqllex.Token) bool { return t.Kind == sqllex.String })
		if name, ok := unquoted(c.tokens[i].Text(c.text)); ok {
			s.Name = strings.ToLower(name)
		}
	}
	return s
}

// setting takes the name of a setting after SET or RESET, in the form of pg_settings.
func (c *cursor) setting() string {
	if c.take("SESSION", "CHARACTERISTICS") {
		return ""
	}
	c.take("SESSION")
	for _, known := range []struct {
		words []string
		name  string
	}{
		{[]string{"AUTHORIZATION"}, SessionUser},
		{[]string{"TIME", "ZONE"}, "timezone"},
		{[]string{"SCHEMA"}, searchPathName},
		{[]string{"NAMES"}, "client_encoding"},
		{[]string{"XML", "OPTION"}, "xmloption"},
	} {
		if c.take(known.words...) {
			return known.name
		}
	}
	return strings.ToLower(strings.ReplaceAll(c.name(), `"`, ""))
}

// Decides reports whether a setting has its value from this statement, whatever was set before.
func (s *Setting) Decides(name string) bool {
	switch {
	case s.All:
		return name != "" && name != RoleSetting && name != SessionUser
	case s.Name == SessionUser && name == RoleSetting:
		return true
	}
	return name != "" && s.Name == name
}

// inForce adds a setting to those in force, and drops those that it replaces.
func inForce(settings []Setting, next Setting) []Setting {
	var kept []Setting
	for _, s := range settings {
		if next.Decides(s.Name) || (next.All && s.All) {
			continue
		}
		kept = append(kept, s)
	}
	return append(kept, next)
}

// isSetting recognizes SET, RESET, LOAD, and the SET of pg_dump: select pg_catalog.set_config('…', '…', false).
func isSetting(words []string) bool {
	if slices.Contains([]string{"SET", "RESET", "LOAD"}, words[0]) {
		return true
	}
	if !sqllex.Matches(words, "SELECT") {
		return false
	}
	call := words[1:]
	if sqllex.Matches(call, "PG_CATALOG", ".") {
		call = call[2:]
	}
	return len(call) == 8 && sqllex.Matches(call, "SET_CONFIG", "(") && isString(call[2]) && call[3] == "," && isString(call[4]) && call[5] == "," && isFalse(call[6]) && call[7] == ")"
}

func isString(word string) bool { return strings.HasSuffix(word, "'") || strings.HasSuffix(word, "$") }

func isFalse(word string) bool {
	return slices.Contains([]string{"FALSE", "F", "OFF", "NO", "N", "0"}, strings.ToUpper(strings.Trim(word, "'")))
}

// setsForSession finds set_config(…, false) inside a query, where it cannot be repeated alone.
func setsForSession(text string) bool {
	c := newCursor(text)
	for qualifier := ""; len(c.tokens) > 0; {
		word := c.tokens[0].Text(text)
		if c.take("SET_CONFIG") && c.skip("(") && (qualifier == "" || strings.EqualFold(qualifier, "pg_catalog")) {
			if isFalse(c.lastArgument()) {
				return true
			}
			continue
		}
		if len(c.tokens) < 2 {
			break
		}
		if qualifier = ""; c.tokens[1].Text(text) == "." {
			qualifier = word
			c.tokens = c.tokens[1:]
		}
		c.tokens = c.tokens[1:]
	}
	return false
}

// lastArgument takes the arguments up to the closing parenthesis, and returns the last one if it is a single word.
func (c *cursor) lastArgument() (last string) {
	depth, words := 1, 0
	for ; len(c.tokens) > 0 && depth > 0; c.tokens = c.tokens[1:] {
		switch word := c.tokens[0].Text(c.text); {
		case word == ")":
			depth--
		case word == "(":
			depth++
			words++
		case word == "," && depth == 1:
			words = 0
		default:
			words++
			last = word
		}
	}
	if words != 1 {
		return "-"
	}
	return last
}
