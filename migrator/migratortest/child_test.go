package migratortest

import (
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// Some tests run this program again, as a process of its own: each looks for a server and for a template only once.
const (
	withoutMain = "MIGRATORTEST_TEST_WITHOUT_MAIN"
	waitsFor    = "MIGRATORTEST_TEST_WAITS_FOR"
)

func child(t *testing.T, test string, env ...string) (string, error) {
	t.Helper()
	out, err := childCommand(t, test, env...).CombinedOutput()
	return string(out), err
}

func childCommand(t *testing.T, test string, env ...string) *exec.Cmd {
	t.Helper()
	binary, err := os.Executable()
	require.NoError(t, err)
	cmd := exec.Command(binary, "-test.run=^"+test+"$", "-test.v")
	cmd.Env = append(os.Environ(), env...)
	return cmd
}

// onServer makes a child use the server with this URL.
func onServer(url string, more ...string) []string {
	return append([]string{"MIGRATORTEST_SOURCE=url", "TEST_DATABASE_URL=" + url}, more...)
}

// TestChildClones is the part of children: they make several clones at once and tell which template those are of.
func TestChildClones(t *testing.T) {
	name := os.Getenv(waitsFor)
	if name == "" {
		t.Skip("only as a child")
	}
	for range 5 {
		t.Run("a test", func(t *testing.T) {
			t.Parallel()
			requireClone(t, New(t, waitingFiles(name)))
			fmt.Println("template", templateOID(t, waitingFiles(name)))
		})
	}
}

// templatesOf are those that children told of.
func templatesOf(out string) []string {
	return regexp.MustCompile(`(?m)^template \d+$`).FindAllString(out, -1)
}

// children runs several at once.
func children(t *testing.T, n int, env ...string) (outs []string) {
	t.Helper()
	outs = make([]string, n)
	errs := make([]error, n)
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() { outs[i], errs[i] = child(t, "TestChildClones", env...) })
	}
	all.Wait()
	for i := range n {
		require.NoError(t, errs[i], outs[i])
	}
	return outs
}
