package servertest

import (
	"os"
	"os/exec"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestTheExamplesOfThePackagePrintWhatTheySay runs them: they are beside the package for its documentation, and have no server there.
func TestTheExamplesOfThePackagePrintWhatTheySay(t *testing.T) {
	t.Parallel()
	code, err := os.ReadFile("../../../example_test.go")
	require.NoError(t, err)
	examples := regexp.MustCompile(`(?m)^func (Example\w*)\(`).FindAllStringSubmatch(string(code), -1)
	require.NotEmpty(t, examples)
	cmd := exec.Command("go", "test", "-count=1", "-v", "-run=^Example", "../../..")
	cmd.Env = append(os.Environ(), "MIGRATOR_EXAMPLES_URL="+newDatabase(t))
	output, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", output)
	for _, example := range examples {
		require.Contains(t, string(output), "--- PASS: "+example[1]+" ")
	}
}
