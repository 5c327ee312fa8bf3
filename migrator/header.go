package migrator

import "github.com/agent-shaker/agent-shaker/migrator/internal/sqlfile"

// MaxLockTimeout is the longest lock timeout. PostgreSQL keeps timeouts in 32 bits of milliseconds.
const MaxLockTimeout = sqlfile.MaxLockTimeout

// readHeader sets the fields that the directives of the header choose.
func (s *Script) readHeader() error {
	h, problem := sqlfile.ReadHeader(s.SQL)
	s.Mode, s.Isolation, s.LockTimeout = Transactional, h.Isolation, h.LockTimeout
	switch {
	case h.NoTransaction:
		s.Mode = NoTransaction
	case h.Batch:
		s.Mode = batchMode
	}
	if problem != nil {
		return s.errorAt(problem.Offset, problem.Message, problem.Hint)
	}
	return nil
}
