package migrator

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestARunThatWaitsForMinutesAsksLessThanTwiceASecond(t *testing.T) {
	t.Parallel()
	for _, wait := range []time.Duration{time.Minute, 2 * time.Minute, 10 * time.Minute} {
		polls := 0
		for waited := time.Duration(0); waited < wait; waited += pollPause(waited) {
			polls++
		}
		histories := 2 * (1 + int(wait/rereadEvery)) // the history, and another try
		require.LessOrEqual(t, float64(polls+histories), 2*wait.Seconds())
	}
	for _, waited := range []time.Duration{0, time.Second, 9 * time.Second} {
		require.LessOrEqual(t, pollPause(waited), 300*time.Millisecond, "who waits for a moment goes on soon")
	}
}

func TestThatARunWaitsIsReportedWhereNobodyIsToBeSeen(t *testing.T) {
	t.Parallel()
	var seen []Event
	r := newRun(New(nil, nil, Config{Observe: func(e Event) { seen = append(seen, e) }}), Up())
	r.lock.since = time.Now().Add(-time.Second)
	r.lock.reportWaiting(nil)
	require.Empty(t, seen, "whoever it was may just have left")
	r.lock.since = time.Now().Add(-3 * time.Second)
	r.lock.reportWaiting(nil)
	r.lock.reportWaiting(nil)
	require.Len(t, seen, 1)
	require.Equal(t, EventWaiting, seen[0].Kind)
}
