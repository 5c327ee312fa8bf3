package migrator

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestWaitsAreSummedWhereOthersQueueBehindThem(t *testing.T) {
	t.Parallel()
	const second = time.Second
	at := func(since string, waited time.Duration, transaction string, blocks bool) observation {
		return observation{wait: since, waited: waited, transaction: transaction, blocks: blocks}
	}
	for _, test := range []struct {
		name string
		seen []observation
		want time.Duration
	}{
		{"one wait, as it goes on", []observation{at("a", second, "1", true), at("a", 2*second, "1", true)}, 2 * second},
		{"two of a transaction", []observation{at("a", second, "1", true), {}, at("b", 2*second, "1", true)}, 3 * second},
		{"two that follow each other at once", []observation{at("a", second, "1", true), at("b", 2*second, "1", true)}, 3 * second},
		{"after the last one", []observation{at("a", second, "1", true), {}, {}}, second},
		{"one that is in nobody's way", []observation{at("a", second, "1", false), at("b", second, "1", true)}, second},
		{"the next transaction", []observation{at("a", second, "1", true), {}, at("b", 2*second, "2", true)}, 2 * second},
	} {
		var sum lockWaits
		for _, now := range test.seen {
			sum.note(now)
		}
		require.Equal(t, test.want, sum.sum(), test.name)
	}
}
