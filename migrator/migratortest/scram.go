package migratortest

import (
	"context"
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/url"
)

// rounds is how often a password is stretched: some drivers take a number of fewer than four digits for an error.
const rounds = 1000

// quicken makes logging in cheap on a server that we have started. SCRAM stretches passwords by 4096 rounds, which with
// the race detector cost each connection of the tests more than all the rest. A random password needs no stretching,
// and the number of rounds is part of what PostgreSQL stores for it.
func (s *server) quicken(ctx context.Context) error {
	u, err := url.Parse(s.url)
	if err != nil {
		return err
	}
	password, _ := u.User.Password()
	secret, err := scramSecret(password)
	if err != nil {
		return err
	}
	if err := s.exec(ctx, "alter role current_user password '"+secret+"'"); err != nil {
		return fmt.Errorf("set the password: %w", err)
	}
	return nil
}

// scramSecret is what PostgreSQL stores for a password (RFC 5803).
func scramSecret(password string) (string, error) {
	salt := make([]byte, 16)
	_, _ = rand.Read(salt)
	salted, err := pbkdf2.Key(sha256.New, password, salt, rounds, sha256.Size)
	if err != nil {
		return "", err
	}
	client := sha256.Sum256(mac(salted, "Client Key"))
	text := base64.StdEncoding.EncodeToString
	return fmt.Sprintf("SCRAM-SHA-256$%d:%s$%s:%s", rounds, text(salt), text(client[:]), text(mac(salted, "Server Key"))), nil
}

func mac(key []byte, message string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(message))
	return h.Sum(nil)
}
