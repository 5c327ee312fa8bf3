//go:build unix

package main

import (
	"net"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/agent-shaker/agent-shaker/migrator/migratortest"
)

// process starts the server as a process of its own, which may open so many files, and returns it when it is ready.
func process(t *testing.T, files string) (cmd *exec.Cmd, address string) {
	t.Helper()
	program, err := os.Executable() // TestMain makes it the server
	require.NoError(t, err)
	cmd = exec.Command("/bin/sh", "-c", `ulimit -n "$1" && exec "$0"`, program, files)
	cmd.Env = append(os.Environ(), asServer+"=yes", "ADDR=127.0.0.1:0", "MIGRATIONS_DIR=", "DATABASE_URL="+migratortest.Database(t))
	var logs buffer
	cmd.Stdout, cmd.Stderr = &logs, &logs
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // where it has not ended
		_ = cmd.Wait()
	})
	require.Eventually(t, func() bool { return strings.Contains(logs.String(), "Server is ready") }, time.Minute, 20*time.Millisecond, "%s", &logs)
	return cmd, regexp.MustCompile(`msg=Listening addr=(\S+)`).FindStringSubmatch(logs.String())[1]
}

func TestIdleConnectionsDoNotUseUpTheFilesOfTheServer(t *testing.T) {
	t.Parallel()
	for name, request := range map[string]string{"silent": "", "kept alive": "GET /healthz HTTP/1.1\r\nHost: test\r\n\r\n"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, address := process(t, "200")
			for range 250 {
				conn, err := net.DialTimeout("tcp", address, 10*time.Second)
				require.NoError(t, err)
				defer conn.Close()
				_, _ = conn.Write([]byte(request)) // it may have been closed already
			}
			client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 10 * time.Second}
			for _, path := range []string{"/readyz", "/healthz", "/migrations.json"} { // the last one with a connection to the database
				response, err := client.Get("http://" + address + path)
				require.NoError(t, err, path)
				require.NoError(t, response.Body.Close())
				require.Equal(t, http.StatusOK, response.StatusCode, path)
			}
		})
	}
}

// TestASecondSignalEndsTheServerAtOnce sends it while the server waits for a connection on which a request may still come.
func TestASecondSignalEndsTheServerAtOnce(t *testing.T) {
	t.Parallel()
	for signal, code := range map[syscall.Signal]int{syscall.SIGTERM: 143, syscall.SIGINT: 130} {
		t.Run(signal.String(), func(t *testing.T) {
			t.Parallel()
			cmd, address := process(t, "200")
			conn, err := net.Dial("tcp", address)
			require.NoError(t, err)
			defer conn.Close()
			_, err = conn.Write([]byte("GET /healthz HTTP/1.1\r\nHost: te"))
			require.NoError(t, err)
			answer, err := http.Get("http://" + address + "/healthz") // connections are accepted in turn: the other one is by now
			require.NoError(t, err)
			require.NoError(t, answer.Body.Close())
			require.NoError(t, cmd.Process.Signal(syscall.SIGTERM))
			require.Eventually(t, func() bool {
				second, err := net.Dial("tcp", address)
				if err == nil {
					_ = second.Close()
				}
				return err != nil
			}, time.Minute, 10*time.Millisecond, "it no longer listens")
			require.NoError(t, cmd.Process.Signal(signal))
			_ = cmd.Wait()
			require.Equal(t, code, cmd.ProcessState.ExitCode())
		})
	}
}
