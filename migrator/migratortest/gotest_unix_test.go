//go:build linux || darwin

package migratortest

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/agent-shaker/agent-shaker/migrator/internal/testing/dbtest"
)

func TestPackagesOfOneGoTestShareAServerAndItsTemplates(t *testing.T) {
	t.Parallel()
	dbtest.Slow(t)
	source := startedFrom(t)
	test := exec.Command("go", "test", "-count=1", "-v", "./testdata/a", "./testdata/b")
	test.Env = append(test.Environ(), "MIGRATORTEST_SOURCE="+source, "TEST_DATABASE_URL=")
	out, err := test.CombinedOutput()
	require.NoError(t, err, string(out))
	require.NotContains(t, string(out), "not shared")
	require.NotContains(t, string(out), "I/O incomplete")
	require.Len(t, regexp.MustCompile(`(?m)^migratortest: PostgreSQL .*, from .* \(\d+\.\ds\)$`).FindAllString(string(out), -1), 2, string(out))
	require.Len(t, regexp.MustCompile(`(?m)^migratortest: PostgreSQL .*, shared \(\d+\.\ds\)$`).FindAllString(string(out), -1), 1, string(out))

	used := regexp.MustCompile(`(?m)^used (.*), (\d+), templates \d+$`).FindAllStringSubmatch(string(out), -1)
	require.Len(t, used, 2, string(out))
	require.Equal(t, used[0], used[1])
	requireGone(t, net.JoinHostPort(used[0][1], used[0][2]))
}

func TestAProcessThatIsNotStartedByGoTestHasAServerOfItsOwn(t *testing.T) {
	t.Parallel()
	dbtest.Slow(t)
	source := startedFrom(t)
	out, err := child(t, "TestADatabaseIsEmptyAndOnlyForItsTest", "MIGRATORTEST_SOURCE="+source, "TEST_DATABASE_URL=")
	require.NoError(t, err, out)
	require.Regexp(t, `(?m)^migratortest: PostgreSQL .* \(\d+\.\ds\)$`, out)
	require.NotContains(t, out, "shared")
	meetings, err := filepath.Glob(filepath.Join(os.TempDir(), fmt.Sprintf("migratortest-*-%d-*", os.Getpid())))
	require.NoError(t, err)
	require.Empty(t, meetings, "nobody is to meet below this process")
}

// startedFrom is where a server that is started comes from here.
func startedFrom(t *testing.T) string {
	t.Helper()
	_ = serverURL(t)
	if Source() == "TEST_DATABASE_URL" {
		t.Skip("a server that was given is shared by itself, and there may be no other")
	}
	return Source()
}

// requireGone waits until nobody listens any more.
func requireGone(t *testing.T, address string) {
	t.Helper()
	require.Eventually(t, func() bool {
		conn, err := net.Dial("tcp", address)
		if err == nil {
			_ = conn.Close()
		}
		return err != nil
	}, time.Minute, 50*time.Millisecond, "%s still answers", address)
}
