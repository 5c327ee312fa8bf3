package pgproxy_test

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"io"
	"math/rand/v2"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgproto3"
	"github.com/stretchr/testify/require"

	"github.com/agent-shaker/agent-shaker/migrator/internal/testing/dbtest"
	"github.com/agent-shaker/agent-shaker/migrator/internal/testing/pgproxy"
)

func TestLargeMessagesArriveAsTheyWereSent(t *testing.T) {
	t.Parallel()
	proxy, db := start(t)
	conn := dbtest.Connect(t, proxy.URL())
	text := strings.Repeat("0123456789abcdefé", 300_000)
	var back []byte
	require.NoError(t, conn.QueryRow(t.Context(), "select $1::text || ''", text).Scan(&back))
	require.Equal(t, sha256.Sum256([]byte(text)), sha256.Sum256(back), "5 MB there and back")
	require.NoError(t, query(conn.PgConn(), "create table large as select '"+text+"'::text as text"))
	require.Equal(t, "5400000", db.value("select octet_length(text) from large where length(text) = 5100000"))
}

// fakeServer runs one session on the server side of a proxy and returns a connection to the client side.
func fakeServer(t *testing.T, session func(net.Conn) error) (*pgproxy.Proxy, net.Conn) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	result := make(chan error, 1)
	go func() {
		server, err := listener.Accept()
		if err == nil {
			err = cmp.Or(session(server), server.Close())
		}
		result <- err
	}()
	t.Cleanup(func() {
		require.NoError(t, listener.Close())
		require.NoError(t, <-result, "the server's side")
	})
	proxy := pgproxy.Start(t, listener.Addr().String())
	client, err := net.Dial("tcp", strings.TrimPrefix(proxy.URL(), "postgres://"))
	require.NoError(t, err)
	t.Cleanup(func() { _ = client.Close() })
	return proxy, client
}

func startupMessage() []byte {
	message, _ := (&pgproto3.StartupMessage{ProtocolVersion: pgproto3.ProtocolVersion30, Parameters: map[string]string{"user": "u"}}).Encode(nil)
	return message
}

func TestALargeMessageIsPassedOnBeforeItIsComplete(t *testing.T) {
	t.Parallel()
	const part = 1 << 20
	arrived := make(chan error)
	_, client := fakeServer(t, func(server net.Conn) error {
		_, err := io.CopyN(io.Discard, server, int64(len(startupMessage())+part/2))
		arrived <- err
		_, err = io.Copy(io.Discard, server)
		return err
	})
	message := append(startupMessage(), 'Q')
	message = binary.BigEndian.AppendUint32(message, 5*part)
	message = append(message, bytes.Repeat([]byte("x"), part)...)
	_, err := client.Write(message)
	require.NoError(t, err)
	require.NoError(t, <-arrived)
}

func TestMessagesSurviveAnySegmentation(t *testing.T) {
	t.Parallel()
	_, client := fakeServer(t, func(server net.Conn) error {
		if _, err := io.CopyN(io.Discard, server, int64(len(startupMessage()))); err != nil {
			return err
		}
		_, err := io.Copy(server, server)
		return err
	})
	_, err := client.Write(startupMessage())
	require.NoError(t, err)
	random := rand.New(rand.NewPCG(1, 2))
	var sent []byte
	for range 400 {
		body := make([]byte, random.IntN(1<<random.IntN(17)))
		for i := range body {
			body[i] = byte(random.Uint32())
		}
		sent = append(sent, "QPBDESHdcfK12TCZ"[random.IntN(16)])
		sent = binary.BigEndian.AppendUint32(sent, uint32(4+len(body)))
		sent = append(sent, body...)
	}
	go func() {
		for rest := sent; len(rest) > 0; {
			n := min(len(rest), 1+random.IntN(1<<random.IntN(16)))
			if _, err := client.Write(rest[:n]); err != nil {
				return
			}
			rest = rest[n:]
		}
	}()
	received := make([]byte, len(sent))
	_, err = io.ReadFull(client, received)
	require.NoError(t, err)
	require.Equal(t, sha256.Sum256(sent), sha256.Sum256(received))
}

func TestStartupCountsEachStepAndKeepsPasswordsOut(t *testing.T) {
	t.Parallel()
	proxy, client := fakeServer(t, func(server net.Conn) error {
		backend := pgproto3.NewBackend(server, server)
		_, err := backend.ReceiveStartupMessage()
		for _, step := range []struct {
			auth  uint32
			reply []pgproto3.BackendMessage
		}{
			{pgproto3.AuthTypeSASL, []pgproto3.BackendMessage{&pgproto3.AuthenticationSASL{AuthMechanisms: []string{"SCRAM-SHA-256"}}}},
			{pgproto3.AuthTypeSASLContinue, []pgproto3.BackendMessage{&pgproto3.AuthenticationSASLContinue{Data: []byte("continue")}}},
			{pgproto3.AuthTypeOk, []pgproto3.BackendMessage{
				&pgproto3.AuthenticationSASLFinal{Data: []byte("final")}, &pgproto3.AuthenticationOk{}, &pgproto3.ReadyForQuery{TxStatus: 'I'},
			}},
		} {
			for _, message := range step.reply {
				backend.Send(message)
			}
			if err := cmp.Or(err, backend.Flush(), backend.SetAuthType(step.auth)); err != nil {
				return err
			}
			if step.auth != pgproto3.AuthTypeOk {
				_, err = backend.Receive()
			}
		}
		return err
	})
	frontend := pgproto3.NewFrontend(client, client)
	receive := func(messages ...pgproto3.BackendMessage) {
		for _, expected := range messages {
			message, err := frontend.Receive()
			require.NoError(t, err)
			require.IsType(t, expected, message)
		}
	}
	for _, request := range []pgproto3.FrontendMessage{&pgproto3.GSSEncRequest{}, &pgproto3.SSLRequest{}} {
		frontend.Send(request)
		require.NoError(t, frontend.Flush())
		declined := make([]byte, 1)
		_, err := io.ReadFull(client, declined)
		require.NoError(t, err)
		require.Equal(t, "N", string(declined))
	}
	_, err := client.Write(startupMessage())
	require.NoError(t, err)
	receive(&pgproto3.AuthenticationSASL{})
	frontend.Send(&pgproto3.SASLInitialResponse{AuthMechanism: "SCRAM-SHA-256", Data: []byte("first")})
	require.NoError(t, frontend.Flush())
	receive(&pgproto3.AuthenticationSASLContinue{})
	frontend.Send(&pgproto3.SASLResponse{Data: []byte("proof")})
	require.NoError(t, frontend.Flush())
	receive(&pgproto3.AuthenticationSASLFinal{}, &pgproto3.AuthenticationOk{}, &pgproto3.ReadyForQuery{})

	require.Equal(t, pgproxy.Count{
		Startup:     5,
		Connections: []pgproxy.ConnCount{{Number: 1, Startup: 5}},
	}, proxy.Flights())
	require.Empty(t, proxy.Messages())
}

func TestAMessageThatComesSlowlyHoldsUpNothingElse(t *testing.T) {
	t.Parallel()
	received := make(chan error, 1)
	proxy, client := fakeServer(t, func(server net.Conn) error {
		if _, err := io.CopyN(io.Discard, server, int64(len(startupMessage()))); err != nil {
			return err
		}
		// Half of BackendKeyData, which the proxy keeps.
		if _, err := server.Write([]byte{'K', 0, 0, 0, 12, 1, 2, 3, 4}); err != nil {
			return err
		}
		_, err := io.ReadFull(server, make([]byte, 5))
		received <- err
		_, err = io.Copy(io.Discard, server)
		return err
	})
	_, err := client.Write(startupMessage())
	require.NoError(t, err)
	time.Sleep(50 * time.Millisecond) // so that the half has come first
	_, err = client.Write([]byte{'S', 0, 0, 0, 4})
	require.NoError(t, err)
	select {
	case err := <-received:
		require.NoError(t, err)
	case <-time.After(20 * time.Second):
		require.NoError(t, client.Close())
		require.Fail(t, "the client's message is held up")
	}
	proxy.CloseAll()
	ended(t, proxy)
}
