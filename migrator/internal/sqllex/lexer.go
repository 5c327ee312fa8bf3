// Package sqllex reads SQL text as PostgreSQL's scanner does. It knows where tokens begin and end, and where a statement ends.
// It knows no grammar: the server decides whether a statement is valid.
//
// Most callers use Split, Statement.Words and Matches to see what a statement is, and Position to say where it is.
//
// The text is read as a server reads it with standard_conforming_strings on. In its encoding, such as UTF-8, multi-byte
// characters must not contain ASCII bytes. The caller must handle a byte order mark and NUL bytes.
package sqllex

import "iter"

// Lexer cuts a text into tokens without gaps. Together they are the whole text, or the part of it before an error.
type Lexer struct {
	src   string
	pos   int
	signs int // up to this offset every + and - is an operator of its own; see operator
	err   *Error
}

// New returns a lexer for src.
func New(src string) *Lexer { return &Lexer{src: src} }

// Next returns the next token, or false at the end of the text or at an error.
func (l *Lexer) Next() (Token, bool) {
	if l.err != nil || l.pos >= len(l.src) {
		return Token{}, false
	}
	start := l.pos
	kind, end := l.scan(start)
	if l.err != nil {
		return Token{}, false
	}
	l.pos = end
	return Token{Kind: kind, Start: start, End: end}, true
}

// Err returns the *Error that stopped Next, or nil.
func (l *Lexer) Err() error {
	if l.err == nil {
		return nil
	}
	return l.err
}

// Significant returns the tokens of src that are neither space nor comment. It stops at an error. A text that Split accepts has
// none.
func Significant(src string) iter.Seq[Token] {
	return Statement{Start: 0, End: len(src)}.Tokens(src)
}

func (l *Lexer) scan(start int) (Kind, int) {
	c := l.src[start]
	switch classes[c] {
	case space:
		end := start + 1
		for l.class(end) == space {
			end++
		}
		return Space, end
	case letter:
		return l.word(start)
	case digit:
		return Number, l.number(start)
	case operator:
		return l.operator(start)
	}
	switch c {
	case ';':
		return Semicolon, start + 1
	case '\'':
		return l.quotedString(start, start, plain)
	case '"':
		return l.quotedIdentifier(start, start)
	case '$':
		return l.dollar(start)
	case '\\':
		return Backslash, l.lineEnd(start)
	case ':':
		if l.at(start+1, ':') || l.at(start+1, '=') {
			return Symbol, start + 2
		}
	case '.':
		if l.at(start+1, '.') {
			return Symbol, start + 2
		}
		if l.class(start+1) == digit {
			return Number, l.number(start)
		}
	}
	return Symbol, start + 1
}

// word reads an identifier, or a literal with a prefix. A prefix counts only at the start of a word: in type'…' the e is not a
// prefix.
func (l *Lexer) word(start int) (Kind, int) {
	next := start + 1
	switch l.src[start] {
	case 'e', 'E':
		if l.at(next, '\'') {
			return l.quotedString(start, next, escapes)
		}
	case 'b', 'B', 'x', 'X':
		if l.at(next, '\'') {
			return l.quotedString(start, next, bits)
		}
	case 'n', 'N':
		if l.at(next, '\'') {
			return l.quotedString(start, next, plain)
		}
	case 'u', 'U':
		// A backslash in U&'…' begins the number of a character, but does not protect a quote.
		if l.at(next, '&') && l.at(next+1, '\'') {
			return l.quotedString(start, next+1, plain)
		}
		if l.at(next, '&') && l.at(next+1, '"') {
			return l.quotedIdentifier(start, next+1)
		}
	}
	end := l.name(next)
	for l.at(end, '$') {
		end = l.name(end + 1)
	}
	return Word, end
}

// name returns the end of the letters and digits at i.
func (l *Lexer) name(i int) int {
	for l.class(i) == letter || l.class(i) == digit {
		i++
	}
	return i
}

func (l *Lexer) at(i int, c byte) bool { return i < len(l.src) && l.src[i] == c }

func (l *Lexer) class(i int) class {
	if i >= len(l.src) {
		return other
	}
	return classes[l.src[i]]
}

func (l *Lexer) fail(offset int, message string) (Kind, int) {
	l.err = &Error{Offset: offset, Message: message}
	return Symbol, offset
}

type class uint8

const (
	other  class = iota
	space        // \v counts since PostgreSQL 16; before, it was a syntax error
	letter       // what a name may begin with; every byte of a non-ASCII character counts, even of U+00A0
	digit
	operator
)

var classes = func() (table [256]class) {
	for _, c := range []byte(" \t\n\r\f\v") {
		table[c] = space
	}
	for c := range 256 {
		if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_' || c >= 0x80 {
			table[c] = letter
		}
		if c >= '0' && c <= '9' {
			table[c] = digit
		}
	}
	for _, c := range []byte("~!@#^&|`?+-*/%<>=") {
		table[c] = operator
	}
	return table
}()
