package sqllex

import (
	"strings"
	"unicode/utf8"
)

// Position returns the line and the column of a byte offset, both from 1. Columns count characters. A line ends at \n, and a \r
// before it is part of the line end, which is one column wide. An offset beyond the text means its end, an offset inside a
// character means its beginning. The cost grows with the offset, so ask only for what is shown.
func Position(src string, offset int) (line, column int) {
	offset = min(max(offset, 0), len(src))
	start := strings.LastIndexByte(src[:offset], '\n') + 1
	line = 1 + strings.Count(src[:start], "\n")
	if offset > start && src[offset-1] == '\r' && offset < len(src) && src[offset] == '\n' {
		offset--
	}
	for i := max(start, offset-utf8.UTFMax+1); i < offset; i++ {
		if _, size := utf8.DecodeRuneInString(src[i:]); i+size > offset {
			offset = i
		}
	}
	return line, 1 + utf8.RuneCountInString(src[start:offset])
}

// ByteOffset returns the byte offset of the n-th character, counted from 1 as in the positions that PostgreSQL reports. Below 1
// it returns the first, beyond the last the end of the text.
func ByteOffset(src string, n int) int {
	for i := range src {
		if n <= 1 {
			return i
		}
		n--
	}
	return len(src)
}
