package migrator

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/agent-shaker/agent-shaker/migrator/internal/script"
)

func TestATimeIsToldOnlyWhereItIsKnown(t *testing.T) {
	t.Parallel()
	now := time.Now()
	for _, c := range []struct {
		name                  string
		took, unseen, unclear time.Duration // since it began, since the watch last looked, about when it began
		want                  time.Duration
	}{
		{"seen to run until now", 2040 * time.Millisecond, 50 * time.Millisecond, 0, 2 * time.Second},
		{"not seen before", 130 * time.Millisecond, 130 * time.Millisecond, 0, 0},
		{"a quick one", 100 * time.Millisecond, 50 * time.Millisecond, 0, 0},
		{"not seen for long", 20 * time.Second, time.Second, 0, 0},
		{"of which it is not clear when it began", 2 * time.Second, 50 * time.Millisecond, time.Second, 0},
	} {
		v := watchView{at: now.Add(-c.unseen), doubt: c.unclear}
		require.Equal(t, c.want, v.estimate(now.Add(-c.took), now), c.name)
	}
}

func TestAServersClockThatIsSetGivesNoNegativeTime(t *testing.T) {
	t.Parallel()
	for name, jump := range map[string]time.Duration{"back": -time.Hour, "forward": time.Hour} {
		var told []time.Duration
		r := newRun(&Migrator{options: Config{Observe: func(e Event) {
			if e.Kind == EventFinished {
				told = append(told, e.Elapsed)
			}
		}}}, Up())
		for _, v := range []Version{"1_a.sql", "2_b.sql", "3_c.sql"} {
			r.flight.sent = append(r.flight.sent, &step{Step: &script.Step{}, move: &Move{Direction: DirectionUp, Migration: Migration{Version: v}}})
		}
		r.flight.start(nil, 0)
		r.flight.clock.sent = time.Now().Add(-time.Second)
		server := time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)
		r.flight.noteClock(server)
		r.flight.noteClock(server.Add(100 * time.Millisecond))
		r.flight.noteClock(server.Add(200*time.Millisecond + jump))
		require.False(t, r.flight.sentAt.After(time.Now()), name)
		require.LessOrEqual(t, time.Since(r.flight.sentAt), time.Minute, name)
		r.flight.acknowledge(r.flight.elapsed(), time.Now())
		require.Equal(t, []time.Duration{100 * time.Millisecond, 0, 0}, told, name)
	}
	require.Zero(t, seconds("-3600.5"), "of a session's age")
}
