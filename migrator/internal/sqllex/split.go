package sqllex

import "iter"

// Statement is one statement of a text: src[Start:End] is everything from its first significant token to its last. Its
// semicolon, and the space and comments around it, are not part of it.
type Statement struct {
	Start, End int // byte offsets
}

// Text returns the text of the statement in src.
func (s Statement) Text(src string) string { return src[s.Start:s.End] }

// Tokens returns the significant tokens of the statement. Their offsets are those of src.
func (s Statement) Tokens(src string) iter.Seq[Token] {
	return func(yield func(Token) bool) {
		lexer := Lexer{src: src[:s.End], pos: s.Start}
		for token, ok := lexer.Next(); ok; token, ok = lexer.Next() {
			if token.Significant() && !yield(token) {
				return
			}
		}
	}
}

// Split returns the statements of src in order, without those that contain only comments.
//
// The error is an *Error: something is opened and not closed, or there is a meta-command of psql. Split also returns the
// statements before it, and a caller should check them first. In a dump, for example, the data after COPY … FROM STDIN is not
// SQL, and the error that it causes somewhere below does not tell the reason.
func Split(src string) ([]Statement, error) {
	var statements []Statement
	s := splitter{src: src}
	lexer := Lexer{src: src}
	for token, ok := lexer.Next(); ok; token, ok = lexer.Next() {
		switch {
		case !token.Significant():
		case token.Kind == Backslash:
			return statements, &Error{Offset: token.Start, Message: MetaCommand(token.Text(src))}
		case token.Kind == Semicolon && s.parens == 0 && s.bodies == 0:
			if s.begun {
				statements = append(statements, s.statement)
			}
			s = splitter{src: src}
		default:
			s.add(token)
		}
	}
	switch {
	case lexer.err != nil:
		return statements, lexer.err
	case s.parens > 0:
		return statements, &Error{Offset: s.paren, Message: unclosedParenthesis}
	case s.bodies > 0:
		return statements, &Error{Offset: s.body, Message: unclosedBody}
	case s.begun:
		statements = append(statements, s.statement)
	}
	return statements, nil
}

// splitter knows whether a semicolon ends the current statement. It does not inside parentheses (CREATE RULE … DO (a; b)), nor
// in the body of a routine that is written as BEGIN ATOMIC a; b; END.
type splitter struct {
	src       string
	statement Statement
	begun     bool  // the statement has a token
	last      Token // its last token so far
	opening   opening
	parens    int // how many are open
	paren     int // the offset of the outermost one
	bodies    int // how many are open; more than one if routines are nested
	body      int // the offset of the outermost one
}

func (s *splitter) add(token Token) {
	if !s.begun {
		s.begun, s.statement.Start = true, token.Start
	}
	s.statement.End = token.End
	last := s.last
	s.last = token

	if token.Kind == Symbol {
		switch s.src[token.Start] {
		case '(':
			if s.parens == 0 {
				s.paren = token.Start
			}
			s.parens++
		case ')':
			s.parens = max(s.parens-1, 0)
		}
	}
	if s.parens > 0 {
		return
	}

	switch {
	case token.Kind == Semicolon:
		s.opening = nothing
	case s.opening == routine && last.is(s.src, "begin") && token.is(s.src, "atomic"):
		if s.bodies == 0 {
			s.body = last.Start
		}
		s.bodies++
		s.opening = nothing
	// END ends a body only where a statement could begin. Elsewhere it belongs to a CASE or is a name, such as the column in
	// "select 1 end;".
	case s.bodies > 0 && s.opening == nothing && token.is(s.src, "end"):
		s.bodies--
		s.opening = noRoutine
	default:
		s.opening = s.opening.next(s.src, token)
	}
}

// opening says how far a statement has matched CREATE [OR REPLACE] FUNCTION or PROCEDURE. A statement inside a body counts too.
type opening uint8

const (
	nothing opening = iota
	create
	createOr
	createOrReplace
	routine
	noRoutine
)

// next returns the state after one more token.
func (o opening) next(src string, token Token) opening {
	switch o {
	case nothing:
		if token.is(src, "create") {
			return create
		}
	case create, createOrReplace:
		if token.is(src, "function") || token.is(src, "procedure") {
			return routine
		}
		if o == create && token.is(src, "or") {
			return createOr
		}
	case createOr:
		if token.is(src, "replace") {
			return createOrReplace
		}
	case routine:
		return routine
	case noRoutine:
	}
	return noRoutine
}
