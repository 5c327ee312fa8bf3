package servertest

import (
	"io"
	"net"
	"net/url"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"github.com/agent-shaker/agent-shaker/migrator"
	"github.com/agent-shaker/agent-shaker/migrator/internal/testing/dbtest"
)

// A forgetful stands between a client and its server, and may drop its clients without telling the server, as a balancer
// does whose timeout has come.
type forgetful struct {
	url string

	mu      sync.Mutex
	clients []net.Conn
}

func startForgetful(t *testing.T, address string) *forgetful {
	t.Helper()
	u, err := url.Parse(address)
	require.NoError(t, err)
	config, err := pgx.ParseConfig(address)
	require.NoError(t, err)
	network, server := pgconn.NetworkAddress(config.Host, config.Port)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	u.Host = listener.Addr().String()
	f := &forgetful{url: u.String()}
	var servers []net.Conn
	accepting := make(chan struct{})
	go func() {
		defer close(accepting)
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			server, err := net.Dial(network, server)
			if err != nil {
				_ = client.Close()
				continue
			}
			servers = append(servers, server)
			f.mu.Lock()
			f.clients = append(f.clients, client)
			f.mu.Unlock()
			go func() { _, _ = io.Copy(server, client) }()
			go func() {
				_, _ = io.Copy(client, server)
				_ = client.Close()
			}()
		}
	}()
	t.Cleanup(func() {
		_ = listener.Close()
		<-accepting
		f.drop()
		for _, server := range servers {
			_ = server.Close()
		}
	})
	return f
}

func (f *forgetful) drop() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, client := range slices.Backward(f.clients) { // the watch first, or the run would get to close it well
		_ = client.Close()
	}
	f.clients = nil
}

// TestPromise3WhatIsLeftOnTheServerOfALostConnectionIsEnded: the server does not know that the client is gone, so that what
// it was told goes on, and its locks stay. The run must not wait for itself.
func TestPromise3WhatIsLeftOnTheServerOfALostConnectionIsEnded(t *testing.T) {
	t.Parallel()
	dbtest.Slow(t)
	eachFault(t, func(t *testing.T, c faultCase) {
		const first = "select pg_sleep(seconds) from pace"
		url := newDatabase(t)
		execute(t, url, "create table pace as select 60 as seconds")
		balancer := startForgetful(t, url)
		var seen recorder
		c.config.Observe = seen.observe
		ended := inBackground(t, open(t, balancer.url, c.files(3, first), c.config))
		waitFor(t, url, oneSleeps)
		execute(t, url, "delete from pace") // the second try shall not sleep
		dropped := time.Now()
		balancer.drop()
		run := <-ended
		require.NoError(t, run.err)
		require.Len(t, run.results, 3)
		require.Less(t, time.Since(dropped), 20*time.Second)
		require.ElementsMatch(t, c.want(3), c.state(t, url))
		require.NotEmpty(t, seen.of(migrator.EventReconnecting))
	})
}
