package pgproxy

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// A conversation is written as words: > and what the client sends, < and what the server sends, a letter a message.
func TestAnExchangeCountsAFlightWhereTheClientHadToWait(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name         string
		conversation string
		flights      int
		waiting      bool // whether it ends with the client's turn
	}{
		{"nothing but startup", "<RSSKZ", 0, true},
		{"startup with a password exchange", "<R >p <R >p <RRSKZ", 2, true},
		{"a simple query", "<Z >Q <TDDCZ", 1, true},
		{"a query that is not answered yet", "<Z >Q <TDD", 1, false},
		{"two simple queries", "<Z >Q <CZ >Q <CZ", 2, true},
		{"a query of several statements", "<Z >Q <TDCNTDCCZ", 1, true},
		{"a failed query", "<Z >Q <CEZ >Q <CZ", 2, true},
		{"two queries sent at once", "<Z >QQ <CZCZ", 1, true},
		{"a second query that overtakes the first one's answer", "<Z >Q <C >Q <Z", 1, false},
		{"notices and notifications between queries", "<Z >Q <NCZ <ANS >Q <CZ", 2, true},
		{"an extended pipeline", "<Z >PBDES <12TDCZ", 1, true},
		{"preparing, then executing", "<Z >PDS <1tTZ >BDES <2TCZ", 2, true},
		{"preparing what returns no rows", "<Z >PDS <1tnZ >BDES <2nCZ", 2, true},
		{"an answer that begins before Sync was sent", "<Z >PBDE <12TDDC >S <Z", 1, true},
		{"two pipelines sent at once", "<Z >PBES <12C >PBES <Z12CZ", 1, true},
		{"an empty query and a suspended portal", "<Z >PBES <12IZ >BES <2sZ", 2, true},
		{"a failed pipeline", "<Z >PBES <1EZ >Q <CZ", 2, true},
		{"a failed pipeline with another behind it", "<Z >PBES >BES <EZ2CZ", 1, true},
		{"an error at Sync", "<Z >PBES <12CEZ >Q <CZ", 2, true},
		{"closing a statement", "<Z >CS <3Z", 1, true},
		{"waiting at Flush", "<Z >PDH <1tT >BES <2CZ", 2, true},
		{"Flush before the answer is complete", "<Z >PDH <1t >BES <T2CZ", 1, true},
		{"an error at Flush, then Sync", "<Z >PDH <E >S <Z", 2, true},
		{"an error at Flush with more on the way", "<Z >PDHBE <E >S <Z >Q <CZ", 2, true},
		{"an error at Flush that crosses with more", "<Z >PDH <E >BES <Z >Q <CZ", 3, true},
		{"an error at Flush that crosses with two pipelines", "<Z >PH <E >BESPBES <Z >H <12CZ >Q <CZ", 3, true},
		{"Flush alone", "<Z >H >Q <CZ >H >Q <CZ", 2, true},
		{"a function call", "<Z >F <VZ", 1, true},
		{"COPY to the client", "<Z >Q <HdddcCZ", 1, true},
		{"COPY to the server", "<Z >Q <G >dddc <CZ", 2, true},
		{"COPY to the server that waits for data", "<Z >Q <G", 1, true},
		{"COPY to the server that fails on the way", "<Z >Q <G >d <EZ >ddc >Q <CZ", 3, true},
		{"COPY in the extended protocol", "<Z >PBES <12G >dcS <CZ >Q <CZ", 3, true},
		{"COPY in the extended protocol without an early Sync", "<Z >PBEH <12G >dSdfS <EZ >Q <CZ", 3, true},
		{"terminating", "<Z >Q <CZ >X", 1, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			var e exchange
			flights, waiting := 0, false
			for _, word := range strings.Fields(test.conversation) {
				for _, kind := range []byte(word[1:]) {
					if word[0] == '<' {
						waiting = e.answer(kind)
						continue
					}
					if e.request(kind) {
						flights++
					}
					waiting = e.answered
				}
			}
			require.Equal(t, test.flights, flights)
			require.Equal(t, test.waiting, waiting)
		})
	}
}
