package sqllex

// Kind says what a token is.
type Kind uint8

const (
	Space     Kind = iota // a run of white space
	Comment               // -- to the end of its line, without the line end; or a whole /* … */ with the comments nested in it
	Word                  // an identifier or keyword without quotes
	Quoted                // "…" or U&"…"
	String                // '…' with or without the prefix E, B, X, N or U&, or $tag$…$tag$
	Number                // 1, 1.5e-3, 0x1F, 1_000
	Param                 // $1
	Symbol                // an operator or a punctuation mark; also a byte that begins nothing else
	Semicolon             // ; at any depth
	Backslash             // a meta-command of psql: from a backslash outside quotes to the end of its line
)

// String returns the kind's name in lower case; "unknown" for any other value.
func (k Kind) String() string {
	switch k {
	case Space:
		return "space"
	case Comment:
		return "comment"
	case Word:
		return "word"
	case Quoted:
		return "quoted"
	case String:
		return "string"
	case Number:
		return "number"
	case Param:
		return "param"
	case Symbol:
		return "symbol"
	case Semicolon:
		return "semicolon"
	case Backslash:
		return "backslash"
	}
	return "unknown"
}

// Token is a piece of a text: src[Start:End].
//
// A string literal that continues after a line break ('one' newline 'two') is one literal to PostgreSQL. So it is one String
// token, with the gap.
type Token struct {
	Kind       Kind
	Start, End int // byte offsets
}

// Text returns the text of the token in src.
func (t Token) Text(src string) string { return src[t.Start:t.End] }

// Significant reports whether the token is neither space nor comment.
func (t Token) Significant() bool { return t.Kind != Space && t.Kind != Comment }

// is reports whether the token is the keyword, given in lower case. It need not check the kind, because only a word consists of
// letters alone. Keywords fold ASCII only, as in PostgreSQL: "ſelect" is not SELECT.
func (t Token) is(src, keyword string) bool {
	if t.End-t.Start != len(keyword) {
		return false
	}
	for i := range len(keyword) {
		if src[t.Start+i]|0x20 != keyword[i] {
			return false
		}
	}
	return true
}
