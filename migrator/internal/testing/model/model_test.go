package model_test

import (
	"cmp"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// A search looks at every state that a model can come to.
type search struct {
	flags    string // definitions for migrator.pml
	liveness bool   // looks for runs that never end, instead of states that must not be
	depth    int    // how long an execution may be; 0: longer than any is
	memory   int    // MB that the states may take; 0: enough
}

// What pan says of a search that has found something.
const (
	cycle = "pan:1: acceptance cycle" // something can go on for ever
)

func violated(assertion string) string { return "pan:1: assertion violated " + assertion }

func TestTheProtocolHoldsInEveryOrderOfEvents(t *testing.T) {
	t.Parallel()
	for _, flags := range []string{
		"FAULTS=3",
		"FAULTS=2 POOLED",
		"FAULTS=3 INDEX=1",
		"FAULTS=2 POOLED FILES=3",
		"FAULTS=3 FILES=3",
		"FAULTS=2 FILES=3 APIECE",
		"FAULTS=1 RUNNERS=3",
		"FAULTS=0 RUNNERS=3 POOLED",
		"FAULTS=2 NO_K NOTX=FILES", // to files in a transaction the run lock is politeness
	} {
		t.Run(flags, func(t *testing.T) {
			t.Parallel()
			s := search{flags: flags}
			require.NoError(t, s.judge(s.run(t)))
		})
	}
}

func TestEveryRunEnds(t *testing.T) {
	t.Parallel()
	for _, flags := range []string{"FAULTS=2", "FAULTS=2 INDEX=1", "FAULTS=1 POOLED FILES=3", "FAULTS=2 FILES=3", "FAULTS=1 NO_K NOTX=FILES"} {
		t.Run(flags, func(t *testing.T) {
			t.Parallel()
			s := search{flags: flags, liveness: true}
			require.NoError(t, s.judge(s.run(t)))
		})
	}
}

func TestWithoutEachMechanismSomethingFails(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ flags, found string }{
		// A file is applied twice: by the orphan of a killed run, and by the next one.
		{"NO_CLAIM NOTX=FILES", violated("(applied[f]<=1)")},
		{"NO_CLAIM POOLED", violated("(applied[f]<=1)")},
		{"NO_CLAIM FILES=3 NOTX=FILES", violated("(applied[f]<=1)")},
		// A run clears away the index that another one has just built; the file counts as applied without its index.
		{"NO_K CONFLICTS=9", violated("((index==1)&&(inserted[(1-0)]==1))")}, // 1 is VALID
		// A file has let the lock go, nobody takes it back, and the next run meets the index build of an orphan, and fails.
		{"NO_RETAKE CONFLICTS=9 INDEX=1 FAULTS=2", violated(" !(refused)")},
		// The next run begins the file again, and a row is inserted twice.
		{"NO_PROGRESS", violated("(inserted[server[me].what]<=1)")},
		{"NO_PROGRESS INDEX=1", violated("(inserted[server[me].what]<=1)")},
		// Either is enough: to read the progress under the file's lock, or to claim the statement that it says is next.
		{"NO_REREAD NO_GUARD", violated("(inserted[server[me].what]<=1)")},
		// What a killed run has left of an index is in the way of the next one, or is taken for an index.
		{"NO_SETTLE", violated(" !(refused)")},
		{"BY_NAME", violated("(index==1)")},
		// What a run has reported as rolled back is committed later by its orphan; or was, and the answer was lost.
		{"NO_ORPHAN_END FAULTS=2", violated(" !(server[me].told)")},
		{"NO_ASKING FAULTS=2", violated(" !(row[f])")},
		// A run that loses one file after the other to other runs gives up.
		{"OWN_PROGRESS POOLED FILES=3", violated("(conflicts<=1)")},
		// A run whose file is refused, since another one has done it, sends it again for ever.
		{"NO_READING POOLED", cycle},
	} {
		t.Run(test.flags, func(t *testing.T) {
			t.Parallel()
			s := search{flags: "FAULTS=1 " + test.flags, liveness: test.found == cycle}
			if strings.Contains(test.flags, "FAULTS") {
				s.flags = test.flags
			}
			report := s.run(t)
			require.Contains(t, report, test.found)
			require.ErrorContains(t, s.judge(report), test.found)
		})
	}
}

func TestASearchThatWasCutShortProvesNothing(t *testing.T) {
	t.Parallel()
	for name, s := range map[string]search{
		"depth":  {flags: "FAULTS=1", depth: 100},
		"memory": {flags: "FAULTS=3", memory: 16},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			report := s.run(t)
			require.Contains(t, report, "errors: 0")
			require.Error(t, s.judge(report))
		})
	}
}

func TestTheModelNamesFunctionsThatExist(t *testing.T) {
	t.Parallel()
	var code strings.Builder
	for _, name := range append(list(t, "../../../*.go"), list(t, "../../script/*.go")...) {
		text, err := os.ReadFile(name)
		require.NoError(t, err)
		code.Write(text)
	}
	named := map[string]bool{}
	for _, name := range list(t, "*.pml") {
		text, err := os.ReadFile(name)
		require.NoError(t, err)
		for _, match := range regexp.MustCompile(`//.*`).FindAllString(string(text), -1) {
			for _, function := range regexp.MustCompile(`\b(run|connections|planner|runLock|noTxFile|Writer|framing|batch|Migrator)\.(\w+)`).FindAllStringSubmatch(match, -1) {
				if function[2] != "pml" {
					named[function[0]] = true
					require.Regexp(t, `(?m)^func \(\w+ \*?`+function[1]+`\) `+function[2]+`\(`, code.String(), function[0])
				}
			}
		}
	}
	require.Greater(t, len(named), 20)
}

func list(t *testing.T, pattern string) []string {
	t.Helper()
	names, err := filepath.Glob(pattern)
	require.NoError(t, err)
	require.NotEmpty(t, names)
	return names
}

// judge returns what a search has found, or why it proves nothing: pan reports "errors: 0" of one that was cut short too.
func (s search) judge(report string) error {
	wanted := []string{"errors: 0", "Full statespace search for:", "assertion violations\t+"}
	if s.liveness {
		wanted = append(wanted, "never claim         \t+ (everyRunEnds)", "acceptance   cycles \t+ (fairness disabled)")
	} else {
		wanted = append(wanted, "invalid end states\t+")
	}
	for _, line := range wanted {
		if !strings.Contains(report, line) {
			return fmt.Errorf("pan does not report %q:\n%s", line, report)
		}
	}
	for _, line := range []string{"Search not completed", "too small", "out of memory", "reached -DMEMLIM bound", "aborting"} {
		if strings.Contains(report, line) {
			return fmt.Errorf("pan reports %q:\n%s", line, report)
		}
	}
	return nil
}

// run has spin write the search as a program, and returns what that reports.
func (s search) run(t *testing.T) string {
	t.Helper()
	if testing.Short() {
		t.Skip("a search takes long: run without -short")
	}
	for _, tool := range []string{"spin", "gcc"} {
		if _, err := exec.LookPath(tool); err != nil && os.Getenv("CI") == "" {
			t.Skipf("%s is not installed; CI has it", tool)
		}
	}
	dir := t.TempDir()
	require.NoError(t, os.CopyFS(dir, os.DirFS(".")))

	generate := []string{"-a"}
	for _, flag := range strings.Fields(s.flags) {
		generate = append(generate, "-D"+flag)
	}
	// Most searches take less time than an optimising compiler.
	compile := []string{"-O0", "-w", "-DCOLLAPSE", fmt.Sprintf("-DMEMLIM=%d", cmp.Or(s.memory, 1000)), "-o", "pan", "pan.c"}
	pan := []string{fmt.Sprintf("-m%d", cmp.Or(s.depth, 100_000)), "-w21"}
	if s.liveness {
		pan = append(pan, "-a")
	} else {
		compile = append(compile, "-DSAFETY", "-DNOCLAIM")
	}
	output(t, dir, "spin", append(generate, "migrator.pml")...)
	output(t, dir, "gcc", compile...)
	return output(t, dir, filepath.Join(dir, "pan"), pan...)
}

func output(t *testing.T, dir, name string, args ...string) string {
	t.Helper()
	// Tests of other packages, which run meanwhile, measure times.
	command := exec.CommandContext(t.Context(), "nice", append([]string{"-n", "19", name}, args...)...)
	command.Dir = dir
	out, err := command.CombinedOutput()
	require.NoError(t, err, "%s: %s", name, out)
	return string(out)
}
