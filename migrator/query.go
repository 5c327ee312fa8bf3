package migrator

import (
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/agent-shaker/agent-shaker/migrator/internal/cause"
)

// A query is a Query message of PostgreSQL's protocol: Q, the length of what follows, the text, and a zero. It is laid out
// here and not by pgconn.Exec, which takes a string and copies it: of a thousand files that would be all of their text, twice.
type query []byte

const queryHeader = 5

func newQuery(sql string) query {
	return append(make(query, queryHeader, queryHeader+len(sql)+1), sql...).end()
}

func (q query) end() query {
	q = append(q, 0)
	q[0] = 'Q'
	binary.BigEndian.PutUint32(q[1:], uint32(len(q)-1)) //nolint:gosec // Load takes no file that is near it
	return q
}

func (q query) text() string { return string(q[queryHeader : len(q)-1]) }

// A reader takes the rows of an answer, each with the number of its result, from 0. The row is valid until it returns.
type reader func(result int, row [][]byte) error

// exec sends sql as one message and hands each row of the answer to read, which may be nil.
func (s *session) exec(ctx context.Context, sql string, read reader) (answered int, err error) {
	return s.send(ctx, newQuery(sql), read)
}

// send is exec for what is laid out already. It waits for as long as the server is there.
func (s *session) send(ctx context.Context, q query, read reader) (answered int, err error) {
	if ctx.Err() != nil {
		return 0, cause.Of(ctx)
	}
	silence := s.listen()
	s.cancels.Watch(ctx)
	defer func() { // also where who reads panics
		s.cancels.Unwatch()
		err = endOf(ctx, cmp.Or(silence(), err))
	}()
	return s.converse(q, read)
}

// endOf is the error of a wait, which the end of its context may be the reason for.
func endOf(ctx context.Context, err error) error {
	var timeout net.Error
	var pg *pgconn.PgError
	switch {
	case err == nil || ctx.Err() == nil:
		return err
	case errors.As(err, &timeout) && timeout.Timeout():
		return cause.Of(ctx)
	case errors.Is(err, ctx.Err()), errors.As(err, &pg) && pg.Code == "57014":
		return cause.Answer(ctx, err)
	}
	return fmt.Errorf("%w: %w", cause.Of(ctx), err)
}

// converse returns the last error that the server has told, or the one that has ended the connection.
func (s *session) converse(q query, read reader) (answered int, err error) {
	if _, err := s.pg.Conn().Write(q); err != nil {
		s.close()
		return 0, err
	}
	var failed, unread error
	for {
		received, err := s.pg.ReceiveMessage(context.Background())
		if err != nil {
			s.close()
			return answered, cmp.Or(errors.Unwrap(err), err)
		}
		switch m := received.(type) {
		case *pgproto3.DataRow:
			if read != nil && unread == nil {
				unread = read(answered, m.Values)
			}
		case *pgproto3.CommandComplete, *pgproto3.EmptyQueryResponse:
			answered++
		case *pgproto3.ErrorResponse:
			failed = indented(pgconn.ErrorResponseToPgError(m))
		case *pgproto3.ReadyForQuery:
			return answered, cmp.Or(unread, failed)
		}
	}
}

// rows sends one query and returns its rows as text.
func (s *session) rows(ctx context.Context, sql string) ([][]string, error) {
	return s.sendForRows(ctx, newQuery(sql))
}

// sendForRows is rows for what is laid out already.
func (s *session) sendForRows(ctx context.Context, q query) (rows [][]string, err error) {
	_, err = s.send(ctx, q, func(_ int, values [][]byte) error {
		row := make([]string, 0, len(values))
		for _, value := range values {
			row = append(row, string(value))
		}
		rows = append(rows, row)
		return nil
	})
	return rows, err
}
