package migrator

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// asked is what a header asks for.
type asked struct {
	mode      Mode
	isolation string
	timeout   time.Duration
}

func header(sql string) (asked, error) {
	s := Script{Path: "1_a.sql", SQL: normalize(sql)}
	err := s.readHeader()
	return asked{s.Mode, s.Isolation, s.LockTimeout}, err
}

func TestAHeaderSaysHowItsFileRuns(t *testing.T) {
	t.Parallel()
	plain := asked{mode: Transactional}
	for sql, want := range map[string]asked{
		"":                                                     plain,
		"select 1;":                                            plain,
		"-- a comment\nselect 1;":                              plain,
		"-- migrator: no-transaction":                          {mode: NoTransaction},
		"--migrator:no-transaction":                            {mode: NoTransaction},
		"--\t migrator:\tno-transaction  \n":                   {mode: NoTransaction},
		"-- migrator: batch":                                   {mode: batchMode},
		"-- migrator: isolation=read-committed":                {Transactional, "read committed", 0},
		"-- migrator: isolation=repeatable-read":               {Transactional, "repeatable read", 0},
		"-- migrator: isolation=serializable":                  {Transactional, "serializable", 0},
		"-- migrator: lock-timeout=10s":                        {Transactional, "", 10 * time.Second},
		"-- migrator: lock-timeout=1ms":                        {Transactional, "", time.Millisecond},
		"-- migrator: lock-timeout=1m30s":                      {Transactional, "", 90 * time.Second},
		"-- migrator: isolation=serializable, lock-timeout=2s": {Transactional, "serializable", 2 * time.Second},
		"-- migrator: isolation=serializable lock-timeout=2s,no-transaction":   {NoTransaction, "serializable", 2 * time.Second},
		"-- migrator: batch\n-- migrator: lock-timeout=2s\nselect 1;":          {batchMode, "", 2 * time.Second},
		"-- Migration: x\n/* why */ -- migrator: batch\n":                      {mode: batchMode},
		"\n\n  \t-- migrator: batch":                                           {mode: batchMode},
		"\ufeff-- migrator: batch\r\nselect 1;\r\n":                            {mode: batchMode},
		"-- migrator: batch\r-- migrator: lock-timeout=2s":                     {batchMode, "", 2 * time.Second},
		"/* migrator: batch */ select 1":                                       plain,
		"/*\n-- migrator: batch\n*/":                                           plain,
		"-- the migrator: batch":                                               plain,
		"-- see migrator: no such thing":                                       plain,
		"select 1; -- migrator: batch":                                         plain, // review refuses it
		"; -- migrator: batch":                                                 plain,
		"select '\n-- migrator: batch\n'":                                      plain,
		"-- 'quoted \n-- migrator: batch\n":                                    {mode: batchMode},
		"/* open \n-- migrator: batch\n":                                       plain, // the server will say so
		"-- migrator: isolation=repeatable-read\nbegin;\nselect 1;\ncommit;\n": {Transactional, "repeatable read", 0},
	} {
		got, err := header(sql)
		require.NoError(t, err, "%q", sql)
		require.Equal(t, want, got, "%q", sql)
	}
}

func TestADirectiveThatIsNotUnderstoodIsRefused(t *testing.T) {
	t.Parallel()
	const want = ": want no-transaction, batch, isolation=LEVEL or lock-timeout=DURATION"
	for item, message := range map[string]string{
		"no-transactions":        `unknown directive "no-transactions"` + want,
		"notransaction":          `unknown directive "notransaction"` + want,
		"No-Transaction":         `unknown directive "No-Transaction"` + want,
		"no-transaction=true":    `unknown directive "no-transaction=true"` + want,
		"no-transaction=":        `unknown directive "no-transaction="` + want,
		"batch=100":              `unknown directive "batch=100"` + want,
		"lock_timeout=3s":        `unknown directive "lock_timeout=3s"` + want,
		"statement-timeout=3s":   `unknown directive "statement-timeout=3s"` + want,
		"=":                      `unknown directive "="` + want,
		"batch -- all at once":   `unknown directive "--"` + want,
		"isolation":              "isolation=: want read-committed, repeatable-read or serializable",
		"isolation=":             "isolation=: want read-committed, repeatable-read or serializable",
		"isolation=snapshot":     "isolation=snapshot: want read-committed, repeatable-read or serializable",
		"isolation=Serializable": "isolation=Serializable: want read-committed, repeatable-read or serializable",
		"lock-timeout":           "lock-timeout=: want a duration from 1ms to 596h, such as 3s",
		"lock-timeout=3":         "lock-timeout=3: want a duration from 1ms to 596h, such as 3s",
		"lock-timeout=0":         "lock-timeout=0: want a duration from 1ms to 596h, such as 3s",
		"lock-timeout=-1s":       "lock-timeout=-1s: want a duration from 1ms to 596h, such as 3s",
		"lock-timeout=999us":     "lock-timeout=999us: want a duration from 1ms to 596h, such as 3s",
		"lock-timeout=soon":      "lock-timeout=soon: want a duration from 1ms to 596h, such as 3s",
		"lock-timeout=\u00a03s":  "lock-timeout=\u00a03s: want a duration from 1ms to 596h, such as 3s",
	} {
		_, err := header("-- æ\n/* x */ -- migrator: " + item + "\nselect 1;\n")
		var refused *FileError
		require.ErrorAs(t, err, &refused, item)
		require.Equal(t, FileError{Path: "1_a.sql", Line: 2, Column: 9, Source: "/* x */ -- migrator: " + item, Message: message}, *refused, item)
	}
}

func TestALockTimeoutThatTheServerCannotHoldIsRefused(t *testing.T) {
	t.Parallel()
	_, err := header("-- migrator: lock-timeout=596h") // the most that fits into its 32 bits of milliseconds
	require.NoError(t, err)
	_, err = header("-- migrator: lock-timeout=597h")
	require.Error(t, err)
}

func TestADirectiveInCapitalsIsNotIgnored(t *testing.T) {
	t.Parallel()
	for _, prefix := range []string{"Migrator:", "MIGRATOR:"} {
		got, err := header("-- " + prefix + " lock-timeout=10s\nalter table t add c int;\n")
		require.True(t, err != nil || got.timeout == 10*time.Second, "%s: neither obeyed nor refused", prefix)
	}
}

func TestADirectiveThatIsSaidTwiceIsRefused(t *testing.T) {
	t.Parallel()
	_, err := header("-- migrator: lock-timeout=1s\n-- migrator: lock-timeout=2s\nselect 1;\n")
	require.ErrorContains(t, err, "1_a.sql:2:1: lock-timeout is said twice")
}
