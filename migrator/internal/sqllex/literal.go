package sqllex

import "strings"

// quoting says what protects a quote in a literal.
type quoting uint8

const (
	plain   quoting = iota // another quote
	escapes                // another quote, or a backslash
	bits                   // nothing: b'0''1' is b'0' followed by a plain '1'
)

// quotedString reads a literal whose prefix begins at start and whose first quote is at quote. A literal that continues on
// another line keeps its mode.
func (l *Lexer) quotedString(start, quote int, mode quoting) (Kind, int) {
	for open := start; ; open = quote {
		end, ok := l.closingQuote(quote+1, mode)
		if !ok {
			return l.fail(open, unterminatedString)
		}
		if quote, ok = l.continuation(end); !ok {
			return String, end
		}
	}
}

// closingQuote returns the offset after the quote that ends the part of a string at i.
func (l *Lexer) closingQuote(i int, mode quoting) (end int, ok bool) {
	for ; i < len(l.src); i++ {
		switch c := l.src[i]; {
		case c == '\\' && mode == escapes:
			i++
		case c == '\'' && mode != bits && l.at(i+1, '\''):
			i++
		case c == '\'':
			return i + 1, true
		}
	}
	return 0, false
}

// continuation returns the quote that continues the literal that ended at i. Only space and line comments may be in between,
// with at least one line end.
func (l *Lexer) continuation(i int) (quote int, ok bool) {
	for newLine := false; ; {
		switch {
		case l.class(i) == space:
			newLine = newLine || l.src[i] == '\n' || l.src[i] == '\r'
			i++
		case l.lineCommentAt(i):
			i = l.lineEnd(i)
		default:
			return i, newLine && l.at(i, '\'')
		}
	}
}

func (l *Lexer) quotedIdentifier(start, quote int) (Kind, int) {
	for i := quote + 1; ; i++ {
		end := strings.IndexByte(l.src[i:], '"')
		if end < 0 {
			return l.fail(start, unterminatedIdentifier)
		}
		if i += end + 1; !l.at(i, '"') {
			return Quoted, i
		}
	}
}

// dollar reads a parameter, a dollar-quoted string, or a single dollar sign.
func (l *Lexer) dollar(start int) (Kind, int) {
	next := start + 1
	if l.class(next) == digit {
		for l.class(next) == digit {
			next++
		}
		return Param, next
	}
	next = l.name(next)
	if !l.at(next, '$') {
		return Symbol, start + 1
	}
	next++
	tag := l.src[start:next]
	// A tag contains no dollar sign except the two around it. So its first occurrence ends the string, even if its first sign
	// also ends something else: $x$ $junk$x$.
	end := strings.Index(l.src[next:], tag)
	if end < 0 {
		return l.fail(start, unterminatedDollarQuote(tag))
	}
	return String, next + end + len(tag)
}

// number reads one number in the newest syntax. What follows without a gap (123abc, 1e”) is a token of its own, as up to
// PostgreSQL 14. Later versions refuse it.
func (l *Lexer) number(start int) int {
	if l.at(start, '0') && l.class(start+1) == letter {
		// The whole word must fit: 0b1e'…' is 0, then a name, then a plain string.
		end := l.name(start + 1)
		if end > start+2 && strings.Trim(l.src[start+2:end], digitsAfter(l.src[start+1])) == "" {
			return end
		}
	}
	end := l.digits(start)
	if l.at(end, '.') && !l.at(end+1, '.') {
		end = l.digits(end + 1)
	}
	if l.at(end, 'e') || l.at(end, 'E') {
		exponent := end + 1
		if l.at(exponent, '+') || l.at(exponent, '-') {
			exponent++
		}
		if l.class(exponent) == digit {
			end = l.digits(exponent)
		}
	}
	return end
}

// digits returns the end of the digits at i, which may have single underscores between them.
func (l *Lexer) digits(i int) int {
	for l.class(i) == digit || i > 0 && l.at(i, '_') && l.class(i-1) == digit && l.class(i+1) == digit {
		i++
	}
	return i
}

// digitsAfter returns the characters that may follow 0x, 0o or 0b; "" for any other letter.
func digitsAfter(base byte) string {
	switch base {
	case 'x', 'X':
		return "0123456789abcdefABCDEF_"
	case 'o', 'O':
		return "01234567_"
	case 'b', 'B':
		return "01_"
	}
	return ""
}
