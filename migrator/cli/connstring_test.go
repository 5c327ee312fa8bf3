package cli_test

import (
	"bytes"
	"net"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	agentshaker "github.com/agent-shaker/agent-shaker"
	"github.com/agent-shaker/agent-shaker/migrator/cli"
)

// Not parallel, as PGHOST and PGPORT belong to the whole process: a string that is misread would lead there.
func TestNoPasswordIsPrintedOrSentToLocalhost(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer listener.Close()
	called := make(chan struct{})
	go func() {
		if conn, err := listener.Accept(); err == nil {
			_ = conn.Close()
			close(called)
		}
	}()
	host, port, err := net.SplitHostPort(listener.Addr().String())
	require.NoError(t, err)
	t.Setenv("PGHOST", host)
	t.Setenv("PGPORT", port)
	for _, form := range []string{
		"pgx5://app:%@db/shop?sslmode=disable", "app:%@db/shop?sslmode=disable", "postgres:/app:%@db/shop?sslmode=disable", "Postgres://app:%@db/shop?a=b",
		"jdbc:postgresql://db/shop?user=app&password=%", `"postgres://app:%@db/shop?sslmode=disable"`, "Username=app;Password=%;Database=shop",
		"User Id=app;Password=%", "password=correct %=1 user=app",
	} {
		text := strings.Replace(form, "%", "s3cr3t", 1)
		for _, args := range [][]string{
			{"up", "--database-url", text},
			{"status", "--database-url", text, "--json"},
			{"test-down", "--scratch-url", text},
			{"up", text},
		} {
			var out, errs bytes.Buffer
			command := cli.Command(agentshaker.Migrations())
			command.SetArgs(args)
			command.SetOut(&out)
			command.SetErr(&errs)
			err := command.Execute()
			require.Equal(t, cli.ExitUsage, cli.ExitCode(err), "%s: %v", text, err)
			require.NotContains(t, err.Error()+out.String()+errs.String(), "s3cr3t", text)
		}
	}
	select {
	case <-called:
		require.Fail(t, "something came to localhost")
	default:
	}
}
