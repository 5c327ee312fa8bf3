//go:build !windows

package devpg

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/agent-shaker/agent-shaker/migrator/internal/testing/dbtest"
)

// helperEnv makes the test binary a program that runs a server. Its value says what it does on Ctrl-C.
const helperEnv = "DEVPG_TEST_HELPER"

func TestMain(m *testing.M) {
	if os.Getenv(helperEnv) != "" {
		helper()
		return
	}
	os.Exit(m.Run())
}

// helper starts a server on $DATA and tells where it is. With "handle" it uses the database after Ctrl-C and stops it.
func helper() {
	ctrlC := make(chan os.Signal, 1)
	if os.Getenv(helperEnv) == "handle" {
		signal.Notify(ctrlC, os.Interrupt)
	}
	s, err := Start(context.Background(), Options{Data: os.Getenv("DATA")})
	if err != nil {
		fmt.Println("error:", err)
		os.Exit(1)
	}
	fmt.Println("started", s.PID(), s.port, s.Dir(), os.Geteuid())
	<-ctrlC
	time.Sleep(200 * time.Millisecond) // a server that got the signal too would be gone by now
	conn, err := pgx.Connect(context.Background(), s.ConnString())
	if err == nil {
		err = conn.Ping(context.Background())
	}
	fmt.Println("ping:", err, "stop:", s.Stop())
}

// owner is a running helper.
type owner struct {
	*exec.Cmd
	out    *bufio.Reader
	server *Server // what it told of it
}

func startOwner(t *testing.T, mode, temp, data string) *owner {
	t.Helper()
	binary, err := os.Executable()
	require.NoError(t, err)
	return startOwnerAs(t, nil, binary, mode, temp, data)
}

func startOwnerAs(t *testing.T, as *account, binary, mode, temp, data string) *owner {
	t.Helper()
	cmd := exec.Command(binary)
	cmd.Dir = "/"
	cmd.Env = append(os.Environ(), helperEnv+"="+mode, "TMPDIR="+temp, "DATA="+data)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if as != nil {
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: as.uid, Gid: as.gid}
	}
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	return &owner{Cmd: cmd, out: bufio.NewReader(out)}
}

// wait waits until the helper has started its server.
func (o *owner) wait(t *testing.T) {
	t.Helper()
	line, err := o.out.ReadString('\n')
	require.NoError(t, err)
	fields := strings.Fields(line)
	require.Equal(t, "started", fields[0], line)
	pid, err := strconv.Atoi(fields[1])
	require.NoError(t, err)
	port, err := strconv.Atoi(fields[2])
	require.NoError(t, err)
	o.server = &Server{process: &process{pid: pid}, port: port, home: &home{dir: fields[3]}}
}

func TestKillingTheOwnerLeavesNothing(t *testing.T) {
	t.Parallel()
	dbtest.Slow(t)
	temp := publicDir(t)
	o := startOwner(t, "ignore", temp, "")
	o.wait(t)
	require.True(t, alive(o.server.PID()))
	require.NoError(t, o.Process.Kill())
	require.Error(t, o.Wait())
	require.Eventually(t, func() bool { return len(names(t, temp)) == 0 }, 10*time.Second, 20*time.Millisecond)
	require.Eventually(t, func() bool { return len(processes(t, temp)) == 0 }, 10*time.Second, 20*time.Millisecond)
	requireNothingLeft(t, o.server)
}

func TestKillingTheOwnerAtAnyTimeLeavesNothing(t *testing.T) {
	t.Parallel()
	dbtest.Slow(t)
	temp := publicDir(t)
	for delay := 2 * time.Millisecond; delay < time.Second; delay *= 2 {
		o := startOwner(t, "ignore", temp, "")
		time.Sleep(delay)
		require.NoError(t, o.Process.Kill())
		require.Error(t, o.Wait())
		left := func() []string { return append(names(t, temp), processes(t, temp)...) }
		for begin := time.Now(); len(left()) > 0 && time.Since(begin) < 20*time.Second; {
			time.Sleep(20 * time.Millisecond)
		}
		require.Empty(t, left(), "killed after %s", delay)
	}
}

func TestKillingTheOwnerOfKeptDataStopsItsServerAndFreesTheData(t *testing.T) {
	t.Parallel()
	dbtest.Slow(t)
	temp := publicDir(t)
	data := filepath.Join(temp, "data")
	o := startOwner(t, "ignore", temp, data)
	o.wait(t)

	_, err := Start(t.Context(), Options{Data: data})
	require.ErrorContains(t, err, fmt.Sprintf("a server that process %d started is running on the data directory", o.Process.Pid))

	require.NoError(t, o.Process.Kill())
	require.Error(t, o.Wait())
	s := started(t, Options{Data: data})
	require.Equal(t, "1", query(t, s, "select 1"))
	require.False(t, alive(o.server.PID()))
	require.NotContains(t, s.logEnd(), "not properly shut down")
}

func TestCtrlCDoesNotReachTheServerBeforeItsOwnerStopsIt(t *testing.T) {
	t.Parallel()
	dbtest.Slow(t)
	temp := publicDir(t)
	o := startOwner(t, "handle", temp, "")
	o.wait(t)
	require.NoError(t, syscall.Kill(-o.Process.Pid, syscall.SIGINT))
	said, err := io.ReadAll(o.out)
	require.NoError(t, err)
	require.Equal(t, "ping: <nil> stop: <nil>\n", string(said))
	require.NoError(t, o.Wait())
	requireEmpty(t, temp)
	requireNothingLeft(t, o.server)
}

func TestCtrlCOfAnOwnerThatDoesNotHandleItLeavesNothing(t *testing.T) {
	t.Parallel()
	dbtest.Slow(t)
	temp := publicDir(t)
	o := startOwner(t, "ignore", temp, "")
	o.wait(t)
	require.NoError(t, syscall.Kill(-o.Process.Pid, syscall.SIGINT))
	require.Error(t, o.Wait())
	gone := func() bool { return len(names(t, temp)) == 0 && len(processes(t, temp)) == 0 }
	require.Eventually(t, gone, 10*time.Second, 20*time.Millisecond)
	requireNothingLeft(t, o.server)
}

func TestTheServerNeverRunsAsRoot(t *testing.T) {
	t.Parallel()
	dbtest.Slow(t)
	s := started(t, Options{})
	uid := owned(t, s.Dir())
	require.NotZero(t, uid)
	if os.Geteuid() != 0 {
		require.Equal(t, os.Geteuid(), uid)
	}
	require.Equal(t, uid, owned(t, s.home.pidFile()), "written by the server")
}

func TestAnOrdinaryUserGetsAServerOfHisOwn(t *testing.T) {
	t.Parallel()
	dbtest.Slow(t)
	temp := publicDir(t)
	user, err := serverAccount(filepath.Join(temp, "data"))
	require.NoError(t, err)
	o := startOwnerAs(t, user, publicTestBinary(t), "handle", temp, "")
	o.wait(t)
	uid := os.Geteuid()
	if user != nil {
		uid = int(user.uid)
	}
	require.NotZero(t, uid)
	require.Equal(t, uid, owned(t, o.server.Dir()))
	require.NoError(t, o.Process.Signal(os.Interrupt))
	require.NoError(t, o.Wait())
	requireNothingLeft(t, o.server)
}

func TestADirectoryThatTheServerCannotEnterIsNamed(t *testing.T) {
	t.Parallel()
	locked := filepath.Join(publicDir(t), "locked")
	require.NoError(t, os.Mkdir(locked, 0))
	_, err := Start(t.Context(), Options{Data: filepath.Join(locked, "data")})
	require.ErrorContains(t, err, locked)
	if os.Geteuid() == 0 {
		require.ErrorContains(t, err, "PostgreSQL does not run as root, and no other user can enter")
	} else {
		require.ErrorIs(t, err, os.ErrPermission)
	}
	require.NoError(t, os.Chmod(locked, 0o700))
	requireEmpty(t, locked)
}

func owned(t *testing.T, path string) int {
	t.Helper()
	info, err := os.Stat(path)
	require.NoError(t, err)
	return int(info.Sys().(*syscall.Stat_t).Uid)
}

// publicTestBinary is a copy of this program where every user can run it.
func publicTestBinary(t *testing.T) string {
	t.Helper()
	binary, err := os.Executable()
	require.NoError(t, err)
	copied := filepath.Join(publicDir(t), "helper")
	// Written by ourselves, it could be open still in a child that another test is starting: "text file busy".
	require.NoError(t, exec.Command("cp", binary, copied).Run())
	require.NoError(t, os.Chmod(copied, 0o755))
	return copied
}

func TestATemporaryDirectoryOfRootThatNobodyElseCanEnterIsNotUsed(t *testing.T) {
	dbtest.Slow(t)
	if os.Geteuid() != 0 {
		t.Skip("only root has a server of another user")
	}
	t.Setenv("TMPDIR", t.TempDir()) // below a directory of mode 0700
	s, err := Start(t.Context(), Options{})
	require.NoError(t, err)
	require.NoError(t, s.Stop())
	requireNothingLeft(t, s)
}
