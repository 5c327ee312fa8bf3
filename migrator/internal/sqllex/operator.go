package sqllex

import "strings"

// operator reads a comment, or the longest run of operator characters before one. The run keeps a + or - at its end only if it
// has a character that no operator of standard SQL has: =- is two operators, @- is one.
func (l *Lexer) operator(start int) (Kind, int) {
	switch {
	case l.lineCommentAt(start):
		return Comment, l.lineEnd(start)
	case l.blockCommentAt(start):
		return l.blockComment(start)
	case start < l.signs:
		return Symbol, start + 1
	}
	end, body, standard := start, start+1, true
	for l.class(end) == operator && !l.lineCommentAt(end) && !l.blockCommentAt(end) {
		switch l.src[end] {
		case '+', '-':
		case '*', '/', '<', '>', '=':
			body = end + 1
		default:
			body, standard = end+1, false
		}
		end++
	}
	if standard && body < end {
		// Without this mark, the lexer would read a long run of signs again for each of them.
		l.signs = end
		return Symbol, body
	}
	return Symbol, end
}

func (l *Lexer) lineCommentAt(i int) bool  { return l.at(i, '-') && l.at(i+1, '-') }
func (l *Lexer) blockCommentAt(i int) bool { return l.at(i, '/') && l.at(i+1, '*') }

func (l *Lexer) blockComment(start int) (Kind, int) {
	depth, from := 1, start+2
	for i := from; depth > 0; i++ {
		slash := strings.IndexByte(l.src[i:], '/')
		if slash < 0 {
			return l.fail(start, unterminatedComment)
		}
		i += slash
		// from keeps a star from counting twice: /*/ closes nothing.
		if i > from && l.src[i-1] == '*' {
			depth, from = depth-1, i+1
		} else if l.at(i+1, '*') {
			i++
			depth, from = depth+1, i+1
		}
	}
	return Comment, from
}

// lineEnd returns where the line that contains i ends. A lone \r ends it too.
func (l *Lexer) lineEnd(i int) int {
	if end := strings.IndexAny(l.src[i:], "\r\n"); end >= 0 {
		return i + end
	}
	return len(l.src)
}
