package web

import (
	"io"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const askMigrations = "GET /migrations.json HTTP/1.1\r\nHost: test\r\n\r\n"

func TestAClientThatDoesNotReadIsInNobodysWay(t *testing.T) {
	t.Parallel()
	s, address := serve(t, func(s *Server) { s.limits.answer, s.limits.keep = time.Second, time.Minute }, large)
	whole := get(address, "/migrations.json")
	require.NoError(t, whole.err)
	require.Greater(t, len(whole.body), 12<<20)

	silent := asked(t, address, askMigrations)
	for range 3 {
		other := get(address, "/migrations.json")
		require.NoError(t, other.err)
		require.Equal(t, whole.body, other.body)
	}

	// After its time the connection is cut: what was under way is all that can be read.
	require.Eventually(t, func() bool { return s.connections.count() == 0 }, 10*time.Second, 20*time.Millisecond)
	require.NoError(t, silent.SetReadDeadline(time.Now().Add(10*time.Second)))
	got, err := io.Copy(io.Discard, silent)
	require.Less(t, got, int64(len(whole.body)))
	require.NotErrorIs(t, err, os.ErrDeadlineExceeded, "the end comes from the server")
}

func TestAClientThatSendsNothingMoreIsCut(t *testing.T) {
	t.Parallel()
	soon := 300 * time.Millisecond
	for name, test := range map[string]struct {
		sends                 string
		header, request, idle time.Duration
	}{
		"no request":      {"", soon, time.Hour, time.Hour},
		"half a header":   {"GET /healthz HTTP/1.1\r\nHost: te", soon, time.Hour, time.Hour},
		"half a body":     {"GET /healthz HTTP/1.1\r\nHost: test\r\nContent-Length: 9\r\n\r\nhalf", time.Hour, soon, time.Hour},
		"no next request": {"GET /healthz HTTP/1.1\r\nHost: test\r\n\r\n", time.Hour, time.Hour, soon},
		"half a next one": {"GET /healthz HTTP/1.1\r\nHost: test\r\n\r\nGET /", soon, time.Hour, time.Hour},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, address := serve(t, func(s *Server) {
				s.limits.header, s.limits.request, s.limits.idle = test.header, test.request, test.idle
			}, nil)
			conn := asked(t, address, test.sends)
			require.NoError(t, conn.SetReadDeadline(time.Now().Add(10*time.Second)))
			_, err := io.Copy(io.Discard, conn)
			require.NoError(t, err, "the end comes from the server")
		})
	}
}

func TestHeadersHaveALimit(t *testing.T) {
	t.Parallel()
	_, address := serve(t, func(*Server) {}, nil)
	request, err := http.NewRequest(http.MethodGet, "http://"+address+"/healthz", nil)
	require.NoError(t, err)
	request.Header.Set("Long", strings.Repeat("x", 30<<10))
	response, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	defer response.Body.Close()
	require.Equal(t, http.StatusRequestHeaderFieldsTooLarge, response.StatusCode)
}
