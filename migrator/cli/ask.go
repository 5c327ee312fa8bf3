package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/agent-shaker/agent-shaker/migrator"
)

// errDeclined is the answer of a person who did not say yes.
var errDeclined = errors.New("nothing was done")

// ask shows what would run, and where, and returns nil if a person says yes.
func (t *tool) ask(ctx context.Context, cmd *cobra.Command, plan *migrator.Plan) error {
	in, ok := cmd.InOrStdin().(*os.File)
	if !ok || !term.IsTerminal(int(in.Fd())) || !t.screen.errTTY {
		return usagef("%s asks before it reverts, and here is no terminal: add --yes", cmd.Name())
	}
	t.screen.note("on %s:", t.where)
	for _, move := range plan.Moves {
		t.screen.note("  %s %s", verb(move.Direction), move.Migration.Version)
	}
	fmt.Fprintf(t.screen.err, "Do this? [y/N] ")
	answer := make(chan string, 1)
	go func() {
		line, err := bufio.NewReader(in).ReadString('\n')
		if err != nil && !errors.Is(err, io.EOF) {
			line = ""
		}
		answer <- line
	}()
	select {
	case <-ctx.Done():
		fmt.Fprintln(t.screen.err)
		return context.Cause(ctx)
	case line := <-answer:
		switch strings.ToLower(strings.TrimSpace(line)) {
		case "y", "yes":
			return nil
		}
	}
	return errDeclined
}

func verb(d migrator.Direction) string {
	if d == migrator.DirectionDown {
		return "revert"
	}
	return "apply"
}
