package sqllextest_test

import (
	"strings"

	"github.com/agent-shaker/agent-shaker/migrator/internal/sqllex"
)

// A writer turns bytes into SQL that PostgreSQL's grammar accepts and that misleads whoever does not read it as
// PostgreSQL does. Each byte is one choice; the first choice, which is all there is once the bytes are used up, is the
// shortest.
type writer struct {
	choices    []byte
	text       strings.Builder
	end        int // where the last token ended
	statements []sqllex.Statement
}

// write returns a text and its statements.
func write(choices []byte) (string, []sqllex.Statement) {
	w := writer{choices: choices}
	for more := true; more; more = len(w.choices) > 0 {
		w.gap()
		start := w.text.Len()
		w.statement()
		if w.text.Len() > start {
			w.statements = append(w.statements, sqllex.Statement{Start: start, End: w.end})
		}
		if len(w.choices) > 0 || w.choose(2) == 1 {
			w.text.WriteString(";")
		}
	}
	w.gap()
	return w.text.String(), w.statements
}

func (w *writer) choose(n int) int {
	if len(w.choices) == 0 {
		return 0
	}
	c := int(w.choices[0])
	w.choices = w.choices[1:]
	return c % n
}

func (w *writer) one(of []string) string { return of[w.choose(len(of))] }

// words writes tokens that are separated by spaces here, with a gap after each.
func (w *writer) words(text string) {
	for token := range strings.FieldsSeq(text) {
		w.token(token)
	}
}

func (w *writer) token(text string) {
	if strings.ToLower(text) == text && w.choose(4) == 1 && strings.Trim(text, "abcdefghijklmnopqrstuvwxyz") == "" {
		text = strings.ToUpper(text[:1]) + text[1:]
	}
	w.text.WriteString(text)
	w.end = w.text.Len()
	if strings.HasSuffix(text, "-") {
		w.text.WriteString(" ") // with the comment after it, a minus would be one too
	}
	w.gap()
}

func (w *writer) gap() {
	w.text.WriteString(w.one([]string{
		" ", "\n", "\t\r\n\f", "/**/", "/* ; */", "/*/ ' */", "/* /* ; */ \" */", " /***/", "/*/*/;*/*/", "/* -- */", "/* $$ \\ */",
		"-- ;\n", "--'\r", " --\n", "-- /* ;\n", "\n--$a$\n  -- ';\n",
	}))
}

func (w *writer) statement() {
	if w.choose(8) == 7 {
		w.words(w.one(onlyOutside))
		return
	}
	w.body(0)
}

// onlyOutside is what no body may hold: there, BEGIN and END would be ambiguous.
var onlyOutside = []string{"begin", "end", "begin transaction", "end work", "start transaction", "begin isolation level serializable"}

// body writes a statement that may also be part of another one, or nothing.
func (w *writer) body(depth int) {
	kind := w.choose(14)
	if depth > 2 {
		kind %= 6
	}
	switch kind {
	case 0:
		w.words("select")
		w.column(depth)
		for w.choose(4) == 3 {
			w.words(",")
			w.column(depth)
		}
	case 1:
		w.words(w.one([]string{"", "commit", "rollback to a", "savepoint a", "abort", "commit and chain", "prepare transaction 'x;'"}))
	case 2:
		w.words("insert into t values (")
		w.expression(depth)
		w.words(")")
	case 3:
		w.words("do")
		w.token(w.one(opaque))
	case 4:
		w.words(w.one([]string{"copy t from stdin", "create table function ( begin atomic )", "notify n , 'a;'", "vacuum ( full ) t"}))
	case 5:
		w.words("update t set a =")
		w.expression(depth)
		w.words("where")
		w.expression(depth)
	case 6, 7:
		w.words("create rule r as on insert to t do also (")
		w.action(depth)
		for w.choose(3) == 2 {
			w.words(";")
			w.action(depth)
		}
		w.words(")")
	case 8:
		w.words(w.one(routines) + " return")
		w.expression(depth)
	case 9:
		w.words(w.one(routines) + " language sql as")
		w.token(w.one(opaque))
	default:
		w.words(w.one(routines) + " begin atomic")
		for w.choose(3) > 0 {
			w.body(depth + 1)
			w.words(";")
		}
		w.words("end")
	}
}

var routines = []string{
	"create function f ( ) returns int", "create or replace function s . \"begin\" ( begin atomic ) returns begin",
	"create procedure p ( )", "create or replace procedure \"atomic\" ( a int default ( case when true then 1 end ) ) language sql",
	"create function atomic ( ) returns table ( begin atomic , \"end\" int )",
}

// action writes what a rule may do.
func (w *writer) action(depth int) {
	w.words(w.one([]string{"", "delete from t", "notify n"}))
	if w.text.Len() == w.end || w.choose(2) == 0 {
		return
	}
	w.words("; select")
	w.column(depth)
}

// opaque are strings that a body may be.
var opaque = []string{
	"'x'", "$$ ; $$", "$a$ ; $$ ' /* $A$ $a$", "$_1$ end; $x $_1$", "$ä$;'$ä$", "'a;''b\\'", "E'\\';'", "e'\\\\'", "E'a''\\\\\\';'",
	"'a' \n '; b'", "E'a' -- '\n '\\';b'", "'a' --;\r'\\'", "$$$a$$",
}

func (w *writer) column(depth int) {
	w.expression(depth)
	w.words(w.one([]string{"", "as end", "as case", "as begin", "end", "case", "as \"a;\"\"b\"", "as a$$", "as atomic", "begin", "as e$a$", "atomic"}))
}

var atoms = []string{
	"1", "'it''s; so'", "'\\'", "E'\\';'", "e'\\\\'", "N'\\'", "n'a''; b'", "b'0;'", "X'1F'", "U&'\\0041;'", "u&'!0041;\\' uescape '!'", "U&'d''e;'",
	"'a'\n'; b'", "E'a'\r'b\\';'", "E'a' --'\n'b\\';'", "U&'a'\n';'", "b'0'\n'1;'", "$$ ; ' $$", "$a$ ; $b$ $$ $a$", "$x$ $junk$x$", "$ä1$;$ä1$", "$$$a$$",
	"a", "a . end", "t.case", "\"a;b\"", "\"a\"\";\"", "\"c\\\"", "U&\"a;\"", "u&\"b\"\";\" uescape '!'", "a$b$c", "ä$$", "_$$", "ſelect", "type'\\'", "date'a;'",
	"1.5", ".5", "1.", "1e5", "1.5E-3", "$1", "array[1]", "a[1:2]", "+ 1", "- - 1", "@- 1", "~ 1",
}

func (w *writer) expression(depth int) {
	kind := 0
	if depth < 6 {
		kind = w.choose(9)
	}
	switch kind {
	case 4:
		w.words("case")
		for more := true; more; more = w.choose(3) == 2 {
			w.words("when")
			w.expression(depth + 1)
			w.words("then")
			w.expression(depth + 1)
		}
		if w.choose(2) == 1 {
			w.words("else")
			w.expression(depth + 1)
		}
		w.words("end")
	case 5:
		w.words("(")
		w.expression(depth + 1)
		w.words(")")
	case 6:
		w.words("(")
		w.token(w.one(atoms))
		w.words(w.one([]string{"+", "-", "*", "/", "@-", "=", "<>", "->>", "?|", "||", "%", "*-", "=-", "::text ||", "#>>", "@@@", "is not distinct from"}))
		w.token(w.one(atoms))
		w.words(")")
	case 7:
		w.words("f (")
		w.expression(depth + 1)
		w.words(",")
		w.expression(depth + 1)
		w.words(")")
	case 8:
		w.words("( select")
		w.column(depth + 1)
		w.words(")")
	default:
		w.token(w.one(atoms))
	}
}
