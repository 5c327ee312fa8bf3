package pgsession

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/agent-shaker/agent-shaker/migrator/internal/cause"
	"github.com/agent-shaker/agent-shaker/migrator/internal/sqlstate"
)

// A Reader receives the rows of an answer, each with the number of its result, from 0. The row is valid until the Reader
// returns. Send returns its first error, and gives it no more rows.
type Reader func(result int, row [][]byte) error

// Send sends sql as one message and gives each row of the answer to read, which may be nil. It waits as long as the server is
// there. It returns how many statements the server has completed, also with an error. If the context ends, the error is its
// error and cause.
func (s *Session) Send(ctx context.Context, sql string, read Reader) (answered int, err error) {
	if ctx.Err() != nil {
		return 0, cause.Of(ctx)
	}
	silent := s.listen()
	s.cancels.Watch(ctx)
	defer func() { // also if read panics
		s.cancels.Unwatch()
		err = endOf(ctx, cmp.Or(silent(), err))
	}()
	return s.converse(sql, read)
}

// endOf returns the error of a wait. If the context has ended, the error says so and contains the cause.
func endOf(ctx context.Context, err error) error {
	var timeout net.Error
	var pg *pgconn.PgError
	switch {
	case err == nil || ctx.Err() == nil:
		return err
	case errors.As(err, &timeout) && timeout.Timeout():
		return cause.Of(ctx)
	case errors.Is(err, ctx.Err()), errors.As(err, &pg) && pg.Code == sqlstate.QueryCanceled:
		return cause.Answer(ctx, err)
	}
	return fmt.Errorf("%w: %w", cause.Of(ctx), err)
}

// converse sends a message and reads the whole answer. It returns the error of read, the last error of the server, or the error
// that ended the connection.
func (s *Session) converse(sql string, read Reader) (answered int, err error) {
	if err := s.write(sql); err != nil {
		s.Close()
		return 0, err
	}
	var failed, unread error
	for {
		received, err := s.pg.ReceiveMessage(context.Background())
		if err != nil {
			s.Close()
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

// write sends a Query message. pgconn.Exec would keep the memory of the largest one.
func (s *Session) write(sql string) error {
	message, err := (&pgproto3.Query{String: sql}).Encode(s.buffer[:0])
	if err != nil {
		return err
	}
	if cap(message) <= maxBuffer {
		s.buffer = message
	}
	_, err = s.pg.Conn().Write(message)
	return err
}

// maxBuffer bounds the buffer that a session keeps for the next message, in bytes.
const maxBuffer = 256 << 10

// Rows sends a message and returns all rows of its answer as text. null is "".
func (s *Session) Rows(ctx context.Context, sql string) (rows [][]string, err error) {
	_, err = s.Send(ctx, sql, func(_ int, values [][]byte) error {
		row := make([]string, 0, len(values))
		for _, value := range values {
			row = append(row, string(value))
		}
		rows = append(rows, row)
		return nil
	})
	return rows, err
}
