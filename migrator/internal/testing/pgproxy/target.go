package pgproxy

import (
	"fmt"
	"net"
	"net/url"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
)

// A target is the server behind a proxy, and the URL that names it to its clients.
type target struct {
	network string
	address string
	url     url.URL
}

func parseTarget(s string) (target, error) {
	if !strings.Contains(s, "://") {
		if _, _, err := net.SplitHostPort(s); err != nil {
			return target{}, fmt.Errorf("a postgres:// URL or host:port is needed: %w", err)
		}
		return target{network: "tcp", address: s, url: url.URL{Scheme: "postgres", Host: s}}, nil
	}
	parsed, err := url.Parse(s)
	if err != nil {
		return target{}, err
	}
	// The client's own parser knows what a URL may leave out, and where Unix sockets are.
	config, err := pgconn.ParseConfig(s)
	if err != nil {
		return target{}, err
	}
	servers, plain := map[string]bool{}, config.TLSConfig == nil
	network, address := pgconn.NetworkAddress(config.Host, config.Port)
	servers[address] = true
	for _, fallback := range config.Fallbacks {
		_, other := pgconn.NetworkAddress(fallback.Host, fallback.Port)
		servers[other] = true
		plain = plain || fallback.TLSConfig == nil
	}
	if len(servers) > 1 {
		return target{}, fmt.Errorf("%s: a proxy has one server, this names %d", parsed.Redacted(), len(servers))
	}
	if !plain {
		return target{}, fmt.Errorf("%s: a proxy cannot read encrypted connections: sslmode must allow plain ones", parsed.Redacted())
	}
	return target{network: network, address: address, url: *parsed}, nil
}

// through is the target's URL by way of a proxy's address.
func (t target) through(address string) string {
	proxied := t.url
	proxied.Host = address
	query := proxied.Query()
	if query.Has("host") || query.Has("port") {
		query.Del("host")
		query.Del("port")
		proxied.RawQuery = query.Encode()
	}
	return proxied.String()
}
