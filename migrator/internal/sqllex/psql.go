package sqllex

import "strings"

// ForPsql returns src in a form that psql sends unchanged, or to the same effect, whichever variables are set. From an error on,
// the text is unchanged.
//
// Outside quotes and comments psql replaces its variables :name, :'name', :"name" and :{?name}, and sends \: as a colon. Also,
// psql reads line by line. In an E string that continues on another line it forgets that a backslash protects quotes. A doubled
// quote means the same to the server, and both understand it.
func ForPsql(src string) string {
	var out strings.Builder
	lexer := Lexer{src: src}
	for token, ok := lexer.Next(); ok; token, ok = lexer.Next() {
		text := token.Text(src)
		switch {
		case text == ":" && variableAt(src[token.End:]):
			out.WriteString(`\:`)
		case token.Kind == String && (text[0] == 'e' || text[0] == 'E'):
			first, _ := (&Lexer{src: text}).closingQuote(len("E'"), escapes)
			out.WriteString(text[:first] + doubled.Replace(text[first:]))
		default:
			out.WriteString(text)
		}
	}
	out.WriteString(src[lexer.pos:])
	return out.String()
}

// doubled must also match a protected backslash, so that the backslash protects nothing after it.
var doubled = strings.NewReplacer(`\\`, `\\`, `\'`, `''`)

// variableAt reports whether rest, which follows a colon, is the name of a variable.
func variableAt(rest string) bool {
	closing := byte(0)
	switch {
	case len(rest) > 0 && (rest[0] == '\'' || rest[0] == '"'):
		rest, closing = rest[1:], rest[0]
	case len(rest) > 1 && rest[:2] == "{?":
		rest, closing = rest[2:], '}'
	}
	name := (&Lexer{src: rest}).name(0)
	return name > 0 && (closing == 0 || name < len(rest) && rest[name] == closing)
}
