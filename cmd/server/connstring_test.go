package main

import (
	"net"
	"testing"

	"github.com/stretchr/testify/require"
)

// Not parallel, as PGHOST and PGPORT belong to the whole process: a string that is misread would lead there.
func TestAConnectionStringThatCannotBeReadIsNotLoggedAndLeadsNowhere(t *testing.T) {
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
	for _, text := range []string{
		"pgx5://app:s3cr3t@db/shop?sslmode=disable", "app:s3cr3t@db/shop?sslmode=disable", "Username=app;Password=s3cr3t",
		`"postgres://app:s3cr3t@db/shop?sslmode=disable"`, "postgres://app:s3cr3t@db/shop\n",
	} {
		p := start(t, map[string]string{"DATABASE_URL": text})
		require.Equal(t, 1, p.end(t), text)
		require.Contains(t, p.errs.String(), "connection string cannot be read", text)
		require.NotContains(t, p.errs.String()+p.logs.String(), "s3cr3t", text)
	}
	select {
	case <-called:
		require.Fail(t, "something came to localhost")
	default:
	}
}
