package sqllex

import "strings"

// ForPsql returns src so written that psql sends it as it stands, or to the same
// effect, whichever variables are set. A text with an error is returned without
// changes from there on.
//
// Outside quotes and comments psql would put in its variables :name, :'name',
// :"name" and :{?name}, and sends a \: as the colon alone. And as it reads line by
// line, it forgets of an E string that goes on in another line that a backslash
// protects quotes there; a doubled quote means the same to the server and is
// understood by both.
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

// A protected backslash is named too, so that it protects nothing after it.
var doubled = strings.NewReplacer(`\\`, `\\`, `\'`, `''`)

// variableAt reports whether rest, which follows a colon, makes it a variable.
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
