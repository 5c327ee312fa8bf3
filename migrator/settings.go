package migrator

import (
	"slices"
	"strings"

	"github.com/agent-shaker/agent-shaker/migrator/internal/sqllex"
)

// What a no-transaction file sets for its session is repeated before each later statement, as long as it is in force: a role
// that was reset may be gone by then.

// A sessionSetting is a statement that only sets something for the session.
type sessionSetting struct {
	statement sqllex.Statement
	name      string // "": not known, so that it stays in force
	all       bool   // RESET ALL
}

const (
	roleSetting    = "role"
	sessionUser    = "session_authorization"
	searchPathName = "search_path"
)

func newSessionSetting(sql string, statement sqllex.Statement) sessionSetting {
	s := sessionSetting{statement: statement}
	switch c := newCursor(statement.Text(sql)); {
	case c.take("RESET", "ALL"):
		s.all = true
	case c.take("RESET"):
		s.name = c.setting()
	case c.take("SET"):
		s.name = c.setting()
		if c.at("FROM") { // FROM CURRENT, which changes nothing
			s.name = ""
		}
	case c.take("SELECT"):
		i := slices.IndexFunc(c.tokens, func(t sqllex.Token) bool { return t.Kind == sqllex.String })
		if name, ok := unquoted(c.tokens[i].Text(c.text)); ok {
			s.name = strings.ToLower(name)
		}
	}
	return s
}

// setting takes what SET and RESET call a setting, as pg_settings has it.
func (c *cursor) setting() string {
	if c.take("SESSION", "CHARACTERISTICS") {
		return ""
	}
	c.take("SESSION")
	for _, known := range []struct {
		words []string
		name  string
	}{
		{[]string{"AUTHORIZATION"}, sessionUser},
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

// decides reports whether a setting has its value from this statement, whatever came before it.
func (s *sessionSetting) decides(name string) bool {
	switch {
	case s.all:
		return name != "" && name != roleSetting && name != sessionUser
	case s.name == sessionUser && name == roleSetting:
		return true
	}
	return name != "" && s.name == name
}

// inForce adds a setting to those that are in force.
func inForce(settings []sessionSetting, next sessionSetting) []sessionSetting {
	var kept []sessionSetting
	for _, s := range settings {
		if next.decides(s.name) || (next.all && s.all) {
			continue
		}
		kept = append(kept, s)
	}
	return append(kept, next)
}

// isSetting recognises SET, RESET, LOAD, and what pg_dump writes for SET: select pg_catalog.set_config('…', '…', false).
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

// setsForSession looks for set_config(…, false), which is no setting that could be repeated where it is part of a query.
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

// lastArgument takes arguments up to their closing parenthesis, and returns the last one where it is a single word.
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
