package migrator

import (
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/agent-shaker/agent-shaker/migrator/internal/history"
)

// A world is files and a history, in the words of verify_test.go.
type world struct{ files, history string }

// randomWorld has up to eight versions, each a file, a row or both.
func randomWorld(random *rand.Rand) world {
	var files, history []string
	for n := range random.IntN(9) {
		number := strconv.Itoa(n*n + 1) // of one digit and of two
		if n > 5 {
			number = "R_" + number
		}
		row := number + []string{"", "", "", "?", "!"}[random.IntN(5)]
		file := number + []string{"", "", "", "-"}[random.IntN(4)]
		switch random.IntN(5) {
		case 0, 1:
			files = append(files, file)
		case 2, 3:
			files, history = append(files, file), append(history, row)
		case 4:
			history = append(history, row)
		}
	}
	random.Shuffle(len(history), func(i, j int) { history[i], history[j] = history[j], history[i] })
	return world{strings.Join(files, " "), strings.Join(history, " ")}
}

// applied is the history after moves; each must be possible where it stands.
func applied(t *testing.T, records []history.Record, moves []Move) []history.Record {
	t.Helper()
	records = slices.Clone(records)
	for _, m := range moves {
		at := slices.IndexFunc(records, func(r history.Record) bool { return r.Version == string(m.Migration.Version) })
		if m.Direction == DirectionDown {
			require.GreaterOrEqual(t, at, 0, "reverts what is not applied")
			require.NotNil(t, m.script())
			records = slices.Delete(records, at, at+1)
			continue
		}
		if at >= 0 && m.Migration.Version.Repeatable() {
			require.NotEqual(t, m.Migration.Checksum(), records[at].Checksum, "applies the same text a second time")
			records = slices.Delete(records, at, at+1)
			at = -1
		}
		require.Negative(t, at, "applies a second time")
		records = append(records, history.Record{Version: string(m.Migration.Version), Checksum: m.Migration.Checksum()})
	}
	return records
}

// sorted are the versions of records, in order, but for repeatable ones.
func sorted(records []history.Record) []Version {
	versions := make([]Version, 0, len(records))
	for _, r := range records {
		if v := Version(r.Version); !v.Repeatable() {
			versions = append(versions, v)
		}
	}
	slices.SortFunc(versions, Version.Compare)
	return versions
}

// eachWorld calls check with many worlds and names the one in which it fails.
func eachWorld(t *testing.T, check func(t *testing.T, random *rand.Rand, migrations []Migration, records []history.Record)) {
	t.Helper()
	var w world
	defer func() {
		if t.Failed() {
			t.Logf("files %s; history %s", w.files, w.history)
		}
	}()
	for seed := range uint64(2000) {
		random := rand.New(rand.NewPCG(seed, 1))
		w = randomWorld(random)
		check(t, random, versions(w.files), rows(w.history))
	}
}

func pendingOf(statuses []Status) (pending []Version) {
	for _, s := range statuses {
		if s.Pending() {
			pending = append(pending, s.Version)
		}
	}
	return pending
}

func TestGoingUpKeepsItsPromiseInEveryState(t *testing.T) {
	t.Parallel()
	eachWorld(t, func(t *testing.T, random *rand.Rand, migrations []Migration, records []history.Record) {
		before := compare(migrations, records)
		pending := pendingOf(before)
		changed := slices.ContainsFunc(before, func(s Status) bool { return s.State == StateChanged })
		n := 1 + random.IntN(3)
		type promise struct {
			target   Target
			promised func(Version) bool
		}
		promises := []promise{
			{Up(), func(Version) bool { return true }},
			{UpN(n), func(v Version) bool { return slices.Index(pending, v) < n }},
		}
		for _, s := range before {
			promises = append(promises, promise{UpTo(s.Version), func(v Version) bool { return v.Compare(s.Version) <= 0 }})
		}
		for _, p := range promises {
			target, promised := p.target, p.promised
			moves, _, err := choose(migrations, before, target, false)
			if changed {
				require.Error(t, err)
				continue
			}
			require.NoError(t, err)
			want := slices.DeleteFunc(slices.Clone(pending), func(v Version) bool { return !promised(v) })
			got := make([]Version, 0, len(moves))
			for _, m := range moves {
				got = append(got, m.Migration.Version)
			}
			require.ElementsMatch(t, want, got)
			require.True(t, slices.IsSortedFunc(got, Version.Compare))

			after := applied(t, records, moves)
			if !target.relative() {
				again, _, err := choose(migrations, compare(migrations, after), target, false)
				require.NoError(t, err)
				require.Empty(t, again, "a second run has nothing to do")
			}
			strict, _, err := choose(migrations, before, target, true)
			if err == nil {
				require.Equal(t, moves, strict)
				require.True(t, slices.IsSortedFunc(append(sorted(records), got...), Version.Compare), "strict order only adds at the end")
			}
		}
	})
}

func TestGoingDownKeepsItsPromiseInEveryState(t *testing.T) {
	t.Parallel()
	eachWorld(t, func(t *testing.T, random *rand.Rand, migrations []Migration, records []history.Record) {
		before := compare(migrations, records)
		present := sorted(records)
		n := 1 + random.IntN(3)
		type promise struct {
			target Target
			keep   int
		}
		promises := []promise{{Down(n), max(len(present)-n, 0)}}
		for _, s := range before {
			keep := 0
			for _, v := range present {
				if v.Compare(s.Version) <= 0 {
					keep++
				}
			}
			promises = append(promises, promise{DownTo(s.Version), keep})
		}
		for _, p := range promises {
			target, keep := p.target, p.keep
			moves, _, err := choose(migrations, before, target, false)
			revertible := true
			for _, v := range present[keep:] {
				at := slices.IndexFunc(migrations, func(m Migration) bool { return m.Version == v })
				revertible = revertible && at >= 0 && migrations[at].Down != nil
			}
			require.Equal(t, revertible, err == nil, "%v", err)
			if err != nil {
				require.Empty(t, moves)
				continue
			}
			after := applied(t, records, moves)
			require.Equal(t, present[:keep], sorted(after), "the newest go, the others stay")
			if !target.relative() {
				again, _, err := choose(migrations, compare(migrations, after), target, false)
				require.NoError(t, err)
				require.Empty(t, again, "a second run has nothing to do")
			}
		}
	})
}

func TestARedoEndsWhereItBeganInEveryState(t *testing.T) {
	t.Parallel()
	eachWorld(t, func(t *testing.T, random *rand.Rand, migrations []Migration, records []history.Record) {
		n := 1 + random.IntN(3)
		moves, _, err := choose(migrations, compare(migrations, records), Redo(n), false)
		down, _, downErr := choose(migrations, compare(migrations, records), Down(n), false)
		require.Equal(t, downErr, err)
		require.Len(t, moves, 2*len(down))
		require.Equal(t, down, moves[:len(down)])
		after := applied(t, records, moves)
		require.Equal(t, sorted(records), sorted(after))
		for _, m := range down {
			at := slices.IndexFunc(after, func(r history.Record) bool { return r.Version == string(m.Migration.Version) })
			require.Equal(t, m.Migration.Checksum(), after[at].Checksum, "what was changed is applied as it is now")
		}
	})
}

func TestAMoveThatIsDoneIsWhatTheHistorySaysAfterIt(t *testing.T) {
	t.Parallel()
	eachWorld(t, func(t *testing.T, _ *rand.Rand, migrations []Migration, records []history.Record) {
		for _, target := range []Target{Up(), Down(9), Redo(1)} {
			moves, _, _ := choose(migrations, compare(migrations, records), target, false)
			for i := range moves {
				h := &history.History{}
				h.Fill(applied(t, records, moves[:i]))
				require.False(t, moves[i].done(h))
				h.Fill(applied(t, records, moves[:i+1]))
				require.True(t, moves[i].done(h))
			}
		}
	})
}
