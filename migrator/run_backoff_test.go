package migrator

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

func TestPausesGrowUntilTheServerIsBack(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := reconnects{limit: time.Hour}
		for _, want := range []time.Duration{50, 100, 200, 400, 800, 1600, 3000, 3000, 3000} {
			pause, again := l.next()
			require.True(t, again)
			want *= time.Millisecond
			require.GreaterOrEqual(t, pause, want/2)
			require.Less(t, pause, want*3/2)
			time.Sleep(pause)
		}
		l.connected()
		pause, again := l.next()
		require.True(t, again)
		require.Less(t, pause, 150*time.Millisecond, "the next loss is another one, and not the first")
	})
}

func TestAServerThatStaysAwayIsGivenUpAfterTheLimit(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		l := reconnects{limit: time.Minute}
		pause, again := l.next()
		for ; again; pause, again = l.next() {
			time.Sleep(pause)
		}
		require.GreaterOrEqual(t, time.Since(began), time.Minute)
		require.Less(t, time.Since(began), time.Minute+5*time.Second)
		require.Equal(t, time.Since(began), l.total())
	})
}

func TestTheTimesThatAServerWasAwayForOneMigrationAddUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := reconnects{limit: 10 * time.Second}
		for range 3 {
			_, again := l.next()
			require.True(t, again)
			time.Sleep(3 * time.Second)
			l.connected()
			time.Sleep(time.Hour) // the migration runs meanwhile
		}
		require.Equal(t, 9*time.Second, l.total())
		_, again := l.next()
		require.True(t, again)
		time.Sleep(time.Second)
		_, again = l.next()
		require.False(t, again)

		l.progress()
		require.Zero(t, l.total())
		_, again = l.next()
		require.True(t, again, "the next migration has all the patience again")
		require.Equal(t, 10*time.Second, l.limit)
	})
}

func TestAFileThatLosesTheServerEachTimeIsGivenUp(t *testing.T) {
	t.Parallel()
	l := reconnects{limit: time.Hour}
	for range maxReconnects {
		_, again := l.next()
		require.True(t, again)
		l.connected()
	}
	_, again := l.next()
	require.False(t, again)
}

func TestBelowZeroALostServerIsNotWaitedFor(t *testing.T) {
	t.Parallel()
	l := reconnects{limit: -1}
	_, again := l.next()
	require.False(t, again)
}

func TestJitterStaysWithinHalfOfThePause(t *testing.T) {
	t.Parallel()
	low, high := time.Hour, time.Duration(0)
	for range 1000 {
		pause := jitter(time.Second)
		low, high = min(low, pause), max(high, pause)
	}
	require.GreaterOrEqual(t, low, 500*time.Millisecond)
	require.Less(t, high, 1500*time.Millisecond)
	require.Greater(t, high-low, 500*time.Millisecond, "those who wait together come back apart")
}
