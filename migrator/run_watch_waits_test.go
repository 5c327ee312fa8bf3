package migrator

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestWaitsAreSummedWhereOthersQueueBehindThem(t *testing.T) {
	t.Parallel()
	const second = time.Second
	at := func(since string, waited time.Duration, transaction string, blocks bool) view {
		return view{waiting: since, waited: waited, transaction: transaction, blocks: blocks}
	}
	for _, test := range []struct {
		name string
		seen []view
		want time.Duration
	}{
		{"one wait, as it goes on", []view{at("a", second, "1", true), at("a", 2*second, "1", true)}, 2 * second},
		{"two of a transaction", []view{at("a", second, "1", true), {}, at("b", 2*second, "1", true)}, 3 * second},
		{"two that follow each other at once", []view{at("a", second, "1", true), at("b", 2*second, "1", true)}, 3 * second},
		{"after the last one", []view{at("a", second, "1", true), {}, {}}, second},
		{"one that is in nobody's way", []view{at("a", second, "1", false), at("b", second, "1", true)}, second},
		{"the next transaction", []view{at("a", second, "1", true), {}, at("b", 2*second, "2", true)}, 2 * second},
	} {
		var sum waits
		for _, now := range test.seen {
			sum.note(now)
		}
		require.Equal(t, test.want, sum.sum(), test.name)
	}
}
