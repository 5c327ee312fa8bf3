package devpg

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/agent-shaker/agent-shaker/migrator/internal/testing/dbtest"
)

func TestKeptDataSurvivesAStop(t *testing.T) {
	t.Parallel()
	dbtest.Slow(t)
	data := filepath.Join(publicDir(t), "deep", "data")
	first := started(t, Options{Data: data})
	dbtest.Execute(t, first.ConnString(), "create table kept (id int)")
	require.Equal(t, "on", query(t, first, "show fsync"))
	require.Equal(t, "on", query(t, first, "show synchronous_commit"))
	require.Equal(t, data, first.Dir())
	require.NoError(t, first.Stop())
	require.False(t, alive(first.PID()))
	requireNoProcess(t, data)

	for range 2 {
		again := started(t, Options{Data: data, Settings: map[string]string{"max_connections": "9"}})
		require.Equal(t, first.password, again.password)
		require.Equal(t, "0", query(t, again, "select count(*)::text from kept"))
		require.NotContains(t, again.logEnd(), "not properly shut down")
		require.NoError(t, again.Stop())
	}
	info, err := os.Stat(filepath.Join(data, "password"))
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
}

func TestTwoServersCannotShareData(t *testing.T) {
	t.Parallel()
	dbtest.Slow(t)
	data := filepath.Join(publicDir(t), "data")
	first := started(t, Options{Data: data})
	_, err := Start(t.Context(), Options{Data: data})
	require.ErrorContains(t, err, fmt.Sprintf("a server that process %d started is running on the data directory %s", os.Getpid(), data))
	require.Equal(t, "1", query(t, first, "select 1"))
	require.NoError(t, first.Stop())
	require.Equal(t, "1", query(t, started(t, Options{Data: data}), "select 1"))
}

func TestDataOfAnotherMajorVersionIsRefused(t *testing.T) {
	t.Parallel()
	dbtest.Slow(t)
	data := filepath.Join(publicDir(t), "data")
	require.NoError(t, started(t, Options{Data: data}).Stop())
	version := filepath.Join(data, "cluster", "PG_VERSION")
	require.NoError(t, os.WriteFile(version, []byte("9\n"), 0o600))
	_, err := Start(t.Context(), Options{Data: data})
	require.ErrorContains(t, err, "was made by PostgreSQL 9")
	require.ErrorContains(t, err, "use binaries of version 9, or name another directory")
	require.FileExists(t, version)
}

func TestADirectoryWithOtherFilesIsNotTouched(t *testing.T) {
	t.Parallel()
	data := publicDir(t)
	require.NoError(t, os.WriteFile(filepath.Join(data, "thesis.txt"), nil, 0o600))
	_, err := Start(t.Context(), Options{Data: data})
	require.ErrorContains(t, err, "has something else in it (thesis.txt)")
	require.Equal(t, []string{"thesis.txt"}, names(t, data))
}

func TestAnInterruptedFirstStartIsDoneAgain(t *testing.T) {
	t.Parallel()
	dbtest.Slow(t)
	data := filepath.Join(publicDir(t), "data")
	require.NoError(t, os.MkdirAll(filepath.Join(data, "cluster.new", "base"), 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(data, "password"), []byte("old\n"), 0o600))
	s := started(t, Options{Data: data})
	require.Equal(t, "1", query(t, s, "select 1"))
	require.NoDirExists(t, filepath.Join(data, "cluster.new"))
}

// Not parallel: a script that was just written is "busy" while another test is starting a process.
func TestAFailedFirstStartRemovesTheDirectoryThatItMade(t *testing.T) {
	dir := publicDir(t)
	bin := filepath.Join(dir, "bin")
	require.NoError(t, os.Mkdir(bin, 0o755))
	for name, script := range map[string]string{
		"postgres": "echo 'postgres (PostgreSQL) 15.1'",
		"pg_ctl":   "exit 1",
		"initdb":   "echo no space; exit 1",
	} {
		require.NoError(t, os.WriteFile(program(bin, name), []byte("#!/bin/sh\n"+script+"\n"), 0o755))
	}
	data := filepath.Join(dir, "data")
	_, err := Start(t.Context(), Options{Data: data, Binaries: bin})
	require.ErrorContains(t, err, "no space")
	require.NoDirExists(t, data)
}

func TestAChangedPasswordIsAClearError(t *testing.T) {
	t.Parallel()
	dbtest.Slow(t)
	data := filepath.Join(publicDir(t), "data")
	s := started(t, Options{Data: data})
	dbtest.Execute(t, s.ConnString(), "alter role postgres password 'other'")
	require.NoError(t, s.Stop())
	_, err := Start(t.Context(), Options{Data: data})
	require.ErrorContains(t, err, "log in with the password in "+filepath.Join(data, "password"))
	requireNoProcess(t, data)
}
