package migrator

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
)

const marker = "s3cr3t"

// TestNoPartOfAPasswordLeavesAConnectionString puts a password with every character that means something, unescaped, into
// strings of every form. Either ParseConfig refuses the string, or the password is where a password belongs: no error has
// it, no name is looked up that contains it, and the message that opens a connection is without it.
func TestNoPartOfAPasswordLeavesAConnectionString(t *testing.T) {
	t.Parallel()
	refused, accepted := 0, 0
	for text := range stringsWithPassword() {
		config, err := ParseConfig(text)
		if err != nil {
			refused++
			require.NotContains(t, fmt.Sprintf("%v %+v %#v", err, err, err), marker, text)
			continue
		}
		accepted++
		wire := &wiretap{}
		wire.listen(config)
		_, err = New(config, nil, Config{ReconnectFor: -1}).Run(t.Context(), Up())
		require.Error(t, err)
		require.NotContains(t, err.Error(), marker, text)
		require.NotContains(t, wire.heard(), marker, text)
	}
	require.Greater(t, refused, 1000)
	require.Greater(t, accepted, 100)
}

func stringsWithPassword() func(yield func(string) bool) {
	passwords := []string{marker, "${" + marker, "'" + marker + "'"}
	for _, special := range []string{
		"@", ":", "/", "?", "#", "%", "%zz", "%40", " ", "=", "&", ";", ",", "'", `"`, "`", `\`, "[", "]", "+", "!", "$", "${", "\n", "\t", "\x00", "://", "=/", "?a=", "&a=",
		"1/", "/1?a=", "?a=1&b=", "=@", ":1/", "@:1/", "@h/?x=", "é",
	} {
		passwords = append(passwords, special+marker, "a"+special+marker, marker+special+"b", "1"+special+marker+special, special)
	}
	forms := []string{
		"%s://app:%s@db/shop", "%s://app:%s@db:5432/shop?sslmode=disable", "%s://app:%s@/shop", "%s://app:%s@db", "%s://:%s@db/shop?sslmode=disable",
		"%s://db/shop?user=app&password=%s&sslmode=disable", "%s:/app:%s@db/shop?sslmode=disable", "%s:app:%s@db/shop?sslmode=disable",
		"%s//app:%s@db/shop?sslmode=disable",
	}
	pairs := []string{
		"host=db user=app password=%s dbname=shop sslmode=disable", "host=db password='%s' user=app sslmode=disable", "password=%s", "host=db password = %s user = app",
		"Host=db;Username=app;Password=%s;Database=shop", "host=db;user=app;password=%s", "Server=db;User Id=app;Password=%s;", "host=app:%s@db user=app",
		"host=postgres://app:%s@db/shop", "dbname=postgres://app:%s@db/shop", "app:%s@db/shop?sslmode=disable", "app:%s@db/shop", "postgres://app%%3A%s@db/shop",
		"user=app:%s host=db", "db password=%s", "host=db passwd=%s user=app",
	}
	return func(yield func(string) bool) {
		for _, password := range passwords {
			if !strings.Contains(password, marker) { // nothing to look for: the marker stands after it
				password = "p" + password + marker
			}
			var texts []string
			for _, form := range forms {
				for _, scheme := range []string{"postgres", "Postgres", "pgx5", "jdbc:postgresql", ""} {
					texts = append(texts, fmt.Sprintf(form, scheme, password))
				}
			}
			for _, form := range pairs {
				texts = append(texts, fmt.Sprintf(form, password))
			}
			for _, text := range texts {
				for _, around := range []string{"%s", " %s\n", `"%s"`, "%s'"} {
					if !yield(fmt.Sprintf(around, text)) {
						return
					}
				}
			}
		}
	}
}

// wiretap takes the place of the network and keeps what would leave the process.
type wiretap struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (w *wiretap) listen(config *pgx.ConnConfig) {
	config.LookupFunc = func(_ context.Context, host string) ([]string, error) {
		w.note(host)
		return []string{"127.0.0.1"}, nil
	}
	config.DialFunc = func(_ context.Context, _, address string) (net.Conn, error) {
		w.note(address)
		here, there := net.Pipe()
		go func() {
			buffer := make([]byte, 4096)
			n, _ := there.Read(buffer)
			w.note(string(buffer[:n]))
			_ = there.Close()
		}()
		return here, nil
	}
}

func (w *wiretap) note(text string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.text.WriteString(text + "\n")
}

func (w *wiretap) heard() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.text.String()
}
