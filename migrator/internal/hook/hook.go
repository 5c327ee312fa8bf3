// Package hook lets tests in other packages reach unexported settings of package migrator, which fills it in.
package hook

import "time"

// SilentAfter sets how long a migrator waits for an answer before it asks the server whether it is still there.
var SilentAfter func(migrator any, d time.Duration)

// ObservationSQL is how a run looks at its worker.
var ObservationSQL func(worker uint32) string
