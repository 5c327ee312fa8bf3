package migrator

import (
	"time"

	"github.com/agent-shaker/agent-shaker/migrator/internal/hook"
)

func init() {
	hook.SilentAfter = func(m any, d time.Duration) { m.(*Migrator).silentAfter = d }
	hook.ObservationSQL = observationSQL
}
