//go:build linux || darwin

package migratortest

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/signal"
	"strconv"
	"sync"
	"syscall"
	"time"
)

// keeperEnv makes a program of tests a keeper.
const keeperEnv = "MIGRATORTEST_KEEPER"

// lifeFile is the descriptor that a keeper inherits: the first one after the standard three.
const lifeFile = 3

// A keeper is the program of tests, started once more, and ends here: before flags are read, and whatever TestMain does.
func init() {
	if os.Getenv(keeperEnv) == "" {
		return
	}
	if err := beKeeper(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "migratortest:", err)
		os.Exit(1)
	}
	os.Exit(0)
}

// beKeeper starts a server, tells of it in the directory, and ends it when the go command is gone.
func beKeeper(args []string) error {
	// What the keeper starts must neither look like a keeper nor like one that is alive.
	syscall.CloseOnExec(lifeFile)
	if err := os.Unsetenv(keeperEnv); err != nil {
		return err
	}
	if len(args) != 3 {
		return fmt.Errorf("%s is for migratortest's own processes", keeperEnv)
	}
	pid, err := strconv.Atoi(args[1])
	if err != nil {
		return err
	}
	dir, parent := args[0], process{pid: pid, start: args[2]}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()

	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer cancel()
	go func() {
		for parent.alive() {
			time.Sleep(250 * time.Millisecond)
		}
		cancel()
	}()
	s, err := find(ctx, sources, os.Getenv)
	end := sync.OnceFunc(func() {
		if s != nil {
			_ = s.end()
		}
	})
	defer end()
	if err := tell(root, outcomeOf(s, err)); err != nil {
		// It is no keeper any more, and goes on only to clean up in the end.
		end()
		fmt.Fprintln(os.Stderr, "migratortest:", err)
		_ = syscall.Close(lifeFile)
	}
	<-ctx.Done()
	return nil
}

// tell writes the outcome so that nobody reads half of it.
func tell(root *os.Root, o outcome) error {
	text, err := json.Marshal(o)
	if err != nil {
		return err
	}
	const unfinished = serverFile + ".new"
	if err := root.WriteFile(unfinished, text, 0o600); err != nil {
		return err
	}
	return root.Rename(unfinished, serverFile)
}
