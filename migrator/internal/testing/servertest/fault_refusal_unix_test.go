//go:build unix

package servertest

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/agent-shaker/agent-shaker/migrator"
)

// attempt runs with nothing to do, and counts how often a connection was tried again.
func attempt(t *testing.T, url string, config migrator.Config) (retries int, err error) {
	t.Helper()
	conn, err := migrator.ParseConfig(url)
	require.NoError(t, err)
	var count atomic.Int32
	config.Observe = func(e migrator.Event) {
		if e.Kind == migrator.EventReconnecting {
			count.Add(1)
		}
	}
	_, err = migrator.New(conn, nil, config).Run(patience(t), migrator.Up())
	return int(count.Load()), err
}

func TestAConnectionThatIsMisconfiguredIsNotTriedAgain(t *testing.T) {
	t.Parallel()
	s := startServer(t, map[string]string{"ssl_max_protocol_version": "TLSv1.2"})
	url := s.database(t, "secured")
	cluster := filepath.Join(s.Dir(), "cluster")
	own := certificate(t, cluster, "server")
	other := certificate(t, t.TempDir(), "other")
	hba := filepath.Join(cluster, "pg_hba.conf")
	rules, err := os.ReadFile(hba)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(hba, append([]byte("host all rejected all reject\n"), rules...), 0o600))
	conn := connect(t, url)
	_, err = conn.Exec(t.Context(), "alter system set ssl = on", pgx.QueryExecModeSimpleProtocol)
	require.NoError(t, err)
	s.must(t, "reload")
	base, err := pgx.ParseConfig(url)
	require.NoError(t, err)
	address := fmt.Sprintf("host=%s port=%d user=%s password=%s dbname=%s", base.Host, base.Port, base.User, base.Password, base.Database)
	require.Eventually(t, func() bool { // the new setting is read after the signal
		_, err := attempt(t, address+" sslmode=verify-ca sslrootcert="+own, migrator.Config{ReconnectFor: -1})
		return err == nil
	}, 30*time.Second, 20*time.Millisecond)

	plain, err := pgx.ParseConfig(newDatabase(t))
	require.NoError(t, err)
	for what, text := range map[string]string{
		"a certificate for another name":  address + " sslmode=verify-full sslrootcert=" + own,
		"a certificate of another issuer": address + " sslmode=verify-ca sslrootcert=" + other,
		"a version that is not spoken":    address + " sslmode=require ssl_min_protocol_version=TLSv1.3",
		"a way to log in that is refused": address + " sslmode=require require_auth=md5",
		"a rule of pg_hba.conf":           address + " sslmode=require user=rejected",
		"no TLS for channel binding":      address + " sslmode=disable channel_binding=require",
		"a server without TLS": fmt.Sprintf("host=%s port=%d user=%s password='%s' dbname=%s sslmode=require",
			plain.Host, plain.Port, plain.User, plain.Password, plain.Database),
		"an unknown parameter": address + " not_a_setting=1",
	} {
		began := time.Now()
		retries, err := attempt(t, text, migrator.Config{})
		require.Error(t, err, what)
		require.Zero(t, retries, "%s: %v", what, err)
		require.Less(t, time.Since(began), 20*time.Second, what)
	}
}

func TestAServerThatCannotBeReachedIsTriedAgain(t *testing.T) {
	t.Parallel()
	refusing, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer refusing.Close()
	go func() { // it has no TLS, and goes away: with sslmode=prefer, the default, only the second half counts
		for {
			conn, err := refusing.Accept()
			if err != nil {
				return
			}
			_, _ = io.ReadFull(conn, make([]byte, 8))
			_, _ = conn.Write([]byte("N"))
			_ = conn.Close()
		}
	}()
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, closed.Close())
	for what, text := range map[string]string{
		"a name that is not known":     "host=no-such-host.invalid user=u dbname=d sslmode=verify-full",
		"a port where nobody listens":  fmt.Sprintf("host=127.0.0.1 port=%d user=u dbname=d sslmode=verify-full", closed.Addr().(*net.TCPAddr).Port),
		"a server that is going away":  fmt.Sprintf("host=127.0.0.1 port=%d user=u dbname=d", refusing.Addr().(*net.TCPAddr).Port),
		"one of two hosts has no TLS":  fmt.Sprintf("host=127.0.0.1,no-such-host.invalid port=%d,5432 user=u dbname=d sslmode=require", refusing.Addr().(*net.TCPAddr).Port),
		"a host that is not there yet": "host=/nowhere user=u dbname=d",
	} {
		retries, err := attempt(t, text, migrator.Config{ReconnectFor: 200 * time.Millisecond})
		require.ErrorContains(t, err, "stayed away", what)
		require.Positive(t, retries, "%s: %v", what, err)
	}
}

func TestWhatAPoolerRefusesForGoodIsNotTriedAgain(t *testing.T) {
	t.Parallel()
	pooled := pgbouncer(t, newDatabase(t), "transaction", 1)
	for what, more := range map[string]string{
		"unsupported startup parameter":     "&not_a_setting=1",
		"does not exist":                    "&dbname=no_such_database",
		"server refused TLS connection":     "&sslmode=require",
		"unsupported startup parameter: se": "&search_path=public",
	} {
		retries, err := attempt(t, pooled+more, migrator.Config{})
		require.ErrorContains(t, err, what)
		require.Zero(t, retries, "%s: %v", what, err)
	}
}

func TestARunSaysThatItWaitsForAFreeConnectionOfAPooler(t *testing.T) {
	t.Parallel()
	pooled := pgbouncer(t, newDatabase(t), "transaction", 1)
	other := connect(t, pooled)
	defer other.Close(context.Background())
	_, err := other.Exec(t.Context(), "begin", pgx.QueryExecModeSimpleProtocol)
	require.NoError(t, err)
	said := make(chan migrator.Event, 100)
	done := make(chan error, 1)
	m := open(t, pooled, ledgerFiles(2), migrator.Config{Observe: func(e migrator.Event) {
		if e.Kind == migrator.EventWaiting {
			said <- e
		}
	}})
	go func() {
		_, err := m.Run(patience(t), migrator.Up())
		done <- err
	}()
	select {
	case e := <-said:
		require.ErrorContains(t, e.Err, "a pooler may have no connection free")
		require.Positive(t, e.Elapsed)
		require.Contains(t, e.String(), "Waiting for the database")
	case err := <-done:
		require.Fail(t, "the run has ended", "%v", err)
	case <-time.After(30 * time.Second):
		require.Fail(t, "nothing was said")
	}
	_, err = other.Exec(t.Context(), "commit", pgx.QueryExecModeSimpleProtocol)
	require.NoError(t, err)
	require.NoError(t, <-done)
}

// certificate makes a key and a certificate signed by itself, for the name elsewhere.example, and gives them to the owner of
// the directory. It returns the certificate's file.
func certificate(t *testing.T, dir, name string) string {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, DNSNames: []string{"elsewhere.example"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
	}
	signed, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	require.NoError(t, err)
	private, err := x509.MarshalPKCS8PrivateKey(key)
	require.NoError(t, err)
	owner, err := os.Stat(dir)
	require.NoError(t, err)
	for suffix, block := range map[string]*pem.Block{".crt": {Type: "CERTIFICATE", Bytes: signed}, ".key": {Type: "PRIVATE KEY", Bytes: private}} {
		path := filepath.Join(dir, name+suffix)
		require.NoError(t, os.WriteFile(path, pem.EncodeToMemory(block), 0o600))
		require.NoError(t, os.Chown(path, int(owner.Sys().(*syscall.Stat_t).Uid), -1))
	}
	return filepath.Join(dir, name+".crt")
}
