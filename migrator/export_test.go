package migrator

import "time"

// SilentAfter sets how long an answer is waited for before the server is asked whether it is still there.
func (m *Migrator) SilentAfter(d time.Duration) *Migrator {
	m.silentAfter = d
	return m
}
