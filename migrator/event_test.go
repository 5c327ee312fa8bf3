package migrator

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestABackendIsDescribedByWhatIsKnownOfIt(t *testing.T) {
	t.Parallel()
	require.Equal(t, "pid 7", Backend{PID: 7}.String())
	require.Equal(t, `pid 7, application "psql", user "joe", from "10.0.0.1", state "idle in transaction", for 1m30.5s: select 1`, Backend{
		PID: 7, Application: "psql", User: "joe", Client: "10.0.0.1", State: "idle in transaction", Query: "select 1", Age: 90*time.Second + 500*time.Millisecond,
	}.String())
}
