package migrator

import (
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/agent-shaker/agent-shaker/migrator/internal/history"
	"github.com/agent-shaker/agent-shaker/migrator/internal/script"
	"github.com/agent-shaker/agent-shaker/migrator/internal/testing/archive"
)

// A scriptCase is an archive of testdata/script, whose README describes the format.
type scriptCase struct {
	lockTimeout time.Duration
	target      Target
	history     *history.History
	scripter    script.Writer
}

func readScriptCase(t *testing.T, settings string, migrations []Migration) scriptCase {
	t.Helper()
	c := scriptCase{lockTimeout: -1, history: &history.History{Exists: true}, scripter: script.Writer{RunID: "1a2b3c4d"}}
	for line := range strings.Lines(settings) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), " ")
		switch name {
		case "target":
			c.target = readTarget(t, value)
		case "history":
			c.history.Fill(rows(strings.TrimPrefix(value, "none")))
			c.history.Exists = value != "none"
		case "progress":
			c.history.Progress = append(c.history.Progress, readProgressOf(t, value, migrations))
		case "table":
			parsed, err := history.ParseTable(value)
			require.NoError(t, err)
			if parsed.Schema == "" {
				parsed.Schema = "public"
			}
			c.scripter.Table, c.history.Table = parsed, parsed
		case "major":
			major, err := strconv.Atoi(value)
			require.NoError(t, err)
			c.scripter.Major = major
		case "lock-timeout":
			timeout, err := time.ParseDuration(value)
			require.NoError(t, err)
			c.lockTimeout = timeout
		case "keeps-lock":
			c.scripter.KeepsLock = true
		case "pooled":
			c.scripter.Pooled = true
		case "check-interval":
			c.scripter.CheckInterval = true
		case "citus":
			c.scripter.Citus = true
		default:
			require.Fail(t, "unknown setting", line)
		}
	}
	for i := range c.history.Records { // rows of the files as they are
		for _, m := range migrations {
			if r := &c.history.Records[i]; r.Version == string(m.Version) && r.Checksum != "" && r.Checksum != checksum("another text") {
				r.Checksum = m.Checksum()
			}
		}
	}
	return c
}

// readProgressOf reads "V DIRECTION DONE": so many statements of the file have run, as they are now.
func readProgressOf(t *testing.T, text string, migrations []Migration) history.Progress {
	t.Helper()
	var p history.Progress
	_, err := fmt.Sscanf(text, "%s %s %d", &p.Version, &p.Direction, &p.Done)
	require.NoError(t, err)
	for i := range migrations {
		if m := &migrations[i]; string(m.Version) == p.Version {
			file, err := review(m.script(Direction(p.Direction)))
			require.NoError(t, err)
			for _, u := range file.Separate[:p.Done] {
				p.Hashes = append(p.Hashes, u.Hash)
			}
		}
	}
	return p
}

func readTarget(t *testing.T, text string) Target {
	t.Helper()
	verb, value, _ := strings.Cut(text, " ")
	n, _ := strconv.Atoi(value)
	switch verb + map[bool]string{true: " N"}[n > 0 && !strings.HasSuffix(verb, "to")] {
	case "up":
		return Up()
	case "up N":
		return UpN(n)
	case "upto":
		return UpTo(Version(value))
	case "down N":
		return Down(n)
	case "downto":
		return DownTo(Version(value))
	case "redo N":
		return Redo(n)
	case "repair":
		return Repair()
	case "baseline", "baseline N":
		return Baseline(Version(value))
	case "applied N":
		return MarkApplied(Version(value))
	case "pending N":
		return MarkPending(Version(value))
	}
	require.Fail(t, "unknown target", text)
	return Target{}
}

func TestTheScriptOfAPlanIsExactlyThis(t *testing.T) {
	t.Parallel()
	paths, err := filepath.Glob("testdata/script/*.txtar")
	require.NoError(t, err)
	require.NotEmpty(t, paths)
	for _, path := range paths {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txtar"), func(t *testing.T) {
			t.Parallel()
			a, err := archive.Read(path)
			require.NoError(t, err)
			fsys, settings, want := fstest.MapFS{}, "", (*archive.File)(nil)
			for i, file := range a.Files {
				switch file.Name {
				case "settings":
					settings = file.Data
				case "script.sql":
					want = &a.Files[i]
				default:
					fsys[file.Name] = &fstest.MapFile{Data: []byte(strings.TrimSuffix(file.Data, "\n"))}
				}
			}
			migrations, err := Load(fsys)
			require.NoError(t, err)
			c := readScriptCase(t, settings, migrations)
			plan, err := New(nil, migrations, Config{LockTimeout: c.lockTimeout}).plan(c.history, c.target, c.scripter, &reviewer{})
			require.NoError(t, err)
			var got strings.Builder
			_, err = plan.WriteTo(&got)
			require.NoError(t, err)
			if *update {
				if want == nil {
					a.Files = append(a.Files, archive.File{Name: "script.sql"})
					want = &a.Files[len(a.Files)-1]
				}
				want.Data = got.String()
				require.NoError(t, a.Write(path))
			}
			require.Equal(t, want.Data, got.String())
		})
	}
}

func TestTheNameOfASessionIsCutAndIsASCII(t *testing.T) {
	t.Parallel()
	const prefix = "migrator 1a2b3c4d "
	for what, want := range map[string]string{
		"lock":                  prefix + "lock",
		"001_init.sql":          prefix + "001_init.sql",
		strings.Repeat("x", 45): prefix + strings.Repeat("x", 45),
		strings.Repeat("x", 46): prefix + strings.Repeat("x", 45),
		"003_ändern.sql":        prefix + "003_??ndern.sql",
		"x\ty":                  prefix + "x?y",
		"it ":                   prefix + "it ",
		strings.Repeat("æ", 23): prefix + strings.Repeat("?", 45),
	} {
		got := script.ApplicationName("1a2b3c4d", what)
		require.Equal(t, want, got)
		require.LessOrEqual(t, len(got), 63)
	}
	require.Equal(t, "migrator status", script.ApplicationName("", "status"))
	require.Equal(t, "migrator", script.ApplicationName("", ""))
}

func TestALockTimeoutIsThatOfTheFileOrElseOfTheConfiguration(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ header, config, want time.Duration }{
		{0, 1500 * time.Millisecond, 1500 * time.Millisecond},
		{10 * time.Second, 1500 * time.Millisecond, 10 * time.Second},
		{10 * time.Second, -1, 10 * time.Second},
		{0, -1, 0}, // no limit
		{time.Millisecond, time.Hour, time.Millisecond},
	} {
		limits := fileLimits(t, c.header, c.config)
		require.Equal(t, []string{fmt.Sprintf("set local lock_timeout = '%dms'", c.want.Milliseconds())}, limits)
	}
}

func TestALimitBelowAMillisecondIsNotTheSameAsNone(t *testing.T) {
	t.Parallel()
	require.Equal(t, []string{"set local lock_timeout = '1ms'"}, fileLimits(t, 0, 500*time.Microsecond))
}

// fileLimits returns the lock timeout that is set before the file.
func fileLimits(t *testing.T, header, config time.Duration) (limits []string) {
	t.Helper()
	s := transactional("1_a.sql", "select 1")
	s.LockTimeout = header
	file, err := review(s)
	require.NoError(t, err)
	m := &Migrator{options: Config{LockTimeout: config}}
	move := m.scriptMove(&Move{DirectionUp, Migration{Version: "1_a.sql", Up: *s}}, file)
	operations := (&script.Step{Move: move, Framing: script.Writer{Table: history.Table{Schema: "public", Name: "h"}}.Framing()}).LayOut()
	for i, o := range operations {
		if o.Kind == script.OpFile {
			limits = append(limits, operations[i-1].SQL)
		}
	}
	return limits
}
