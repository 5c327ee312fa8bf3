package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/signal"
	"syscall"

	"github.com/agent-shaker/agent-shaker/migrator"
)

// Exit codes of the command.
const (
	ExitDone       = 0
	ExitFailed     = 1
	ExitUsage      = 2
	ExitPending    = 3 // status --exit-code: something is pending
	ExitDrift      = 4 // files and history disagree
	ExitLocked     = 5 // another run held the lock for longer than --wait-for
	ExitInterrupt  = 130
	ExitTerminated = 143
)

// errPending is status --exit-code's answer where something is pending. It is no failure, and nothing is printed for it.
var errPending = errors.New("migrations are pending")

// usageError means that the command was called wrongly.
type usageError struct{ err error }

func (e *usageError) Error() string { return e.err.Error() }

func (e *usageError) Unwrap() error { return e.err }

func usage(err error) error {
	if err == nil {
		return nil
	}
	return &usageError{err}
}

// signalError is the cause of a context that a signal has ended.
type signalError struct{ signal os.Signal }

func (e *signalError) Error() string { return "stopped by " + e.signal.String() }

// Is makes it a context.Canceled to whoever asks.
func (e *signalError) Is(target error) bool { return target == context.Canceled }

// ExitCode returns what a shell should learn of the error of a command.
func ExitCode(err error) int {
	var wrong *usageError
	var held *migrator.LockedError
	var stopped *signalError
	switch {
	case err == nil, readerLeft(err):
		return ExitDone
	case errors.As(err, &wrong):
		return ExitUsage
	case errors.Is(err, errPending):
		return ExitPending
	case disagrees(err):
		return ExitDrift
	case errors.As(err, &held):
		return ExitLocked
	case errors.As(err, &stopped) && stopped.signal == syscall.SIGTERM:
		return ExitTerminated
	case errors.As(err, &stopped):
		return ExitInterrupt
	}
	return ExitFailed
}

// disagrees reports whether a command was refused for what verify finds, too.
func disagrees(err error) bool {
	var mismatch *migrator.MismatchError
	var unrelated *migrator.UnrelatedError
	var order *migrator.OrderError
	var unfinished *migrator.UnfinishedError
	return errors.As(err, &mismatch) || errors.As(err, &unrelated) || errors.As(err, &order) || errors.As(err, &unfinished)
}

// Main runs the command as a program with the arguments and signals of this process, prints its error and returns its
// exit code. The first SIGINT or SIGTERM cancels what the server is doing; a second one ends the program at once.
// The files are as Command takes them.
func Main(files fs.FS, options ...Option) int {
	signal.Ignore(syscall.SIGPIPE) // a reader that has left must not end a run half way
	ctx, stop := untilSignal()
	defer stop()
	t, command := newCommand(files, options)
	command.SetOut(output{os.Stdout}) // before cobra's own commands take it
	command.InitDefaultHelpCmd()      // cobra adds these two when it runs, too late to have their errors told
	command.InitDefaultCompletionCmd()
	t.tellErrors(command)
	t.mount()
	err := command.ExecuteContext(ctx)
	report(command, err)
	return ExitCode(err)
}

func untilSignal() (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(context.Background())
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go func() {
		first, ok := <-signals
		if !ok {
			return
		}
		cancel(&signalError{first})
		if second, ok := <-signals; ok {
			os.Exit(ExitCode(&signalError{second}))
		}
	}()
	return ctx, func() {
		signal.Stop(signals)
		close(signals)
		cancel(nil)
	}
}

// usagef is a usage error with a text.
func usagef(format string, args ...any) error { return usage(fmt.Errorf(format, args...)) }
