// Package pgparse asks a PostgreSQL server how it reads a text, and runs nothing of it. Tests compare with it.
//
// The transaction of its connection has failed before the first question. There the server parses what it is sent in the
// extended protocol and goes no further: a text of several statements is refused as such, one statement with 25P02,
// before any table is looked at. Nothing is ever sent that would execute.
package pgparse

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5/pgconn"
)

// Kind says what the server sees in a text.
type Kind string

// The kinds of a Reading.
const (
	Nothing Kind = "nothing" // space, comments and semicolons
	One     Kind = "one statement"
	Exit    Kind = "a transaction's end" // one statement: COMMIT, PREPARE TRANSACTION, ROLLBACK, or ROLLBACK TO a savepoint
	Several Kind = "several statements"
	Refused Kind = "refused" // by the scanner or the grammar, the only judges there are here
)

// Reading is what the server makes of one text.
type Reading struct {
	Kind  Kind
	Error *pgconn.PgError // says why, where the kind is Refused
}

// Server is a connection for questions alone. It is not for several goroutines at once.
type Server struct {
	conn *pgconn.PgConn
}

// Connect dials the server and makes its transaction fail.
func Connect(ctx context.Context, url string) (*Server, error) {
	conn, err := pgconn.Connect(ctx, url)
	if err != nil {
		return nil, err
	}
	for _, setting := range []string{
		"set client_min_messages = error",
		"set lc_messages = 'C'",                 // callers read the messages
		"set log_min_messages = panic",          // nearly all answers are errors, each of which would be logged with its text
		"set log_min_error_statement = 'panic'", // the same
	} {
		// Only a superuser may set the last three. Without them the answers are the same, on a server that speaks English.
		if err := conn.Exec(ctx, setting).Close(); err != nil && code(err) != "42501" {
			return nil, errors.Join(err, conn.Close(ctx))
		}
	}
	if err := conn.Exec(ctx, "begin; select 1/0").Close(); code(err) != "22012" {
		return nil, errors.Join(fmt.Errorf("make a transaction fail: %w", err), conn.Close(ctx))
	}
	return &Server{conn: conn}, nil
}

// Close ends the connection.
func (s *Server) Close(ctx context.Context) error { return s.conn.Close(ctx) }

// Read asks about each of the texts by itself, in one or two round trips for all of them. They hold no NUL bytes. The
// error means that the server did not answer.
func (s *Server) Read(ctx context.Context, texts ...string) ([]Reading, error) {
	readings, err := s.parse(ctx, texts)
	if err != nil {
		return nil, err
	}
	var again []int
	var longer []string
	for i, r := range readings {
		if r.Kind == Exit {
			again = append(again, i)
			longer = append(longer, texts[i]+"\n;select 1")
		}
	}
	if len(again) == 0 {
		return readings, nil
	}
	counted, err := s.parse(ctx, longer)
	if err != nil {
		return nil, err
	}
	for i, r := range counted {
		if r.Kind == One {
			readings[again[i]].Kind = Nothing
		}
	}
	return readings, nil
}

// parse calls an empty text an Exit too: a failed transaction lets both pass.
func (s *Server) parse(ctx context.Context, texts []string) ([]Reading, error) {
	pipeline := s.conn.StartPipeline(ctx)
	for _, text := range texts {
		pipeline.SendPrepare("", text, nil)
		pipeline.SendPipelineSync()
	}
	err := pipeline.Flush()
	readings := make([]Reading, len(texts))
	for i := range readings {
		if err != nil {
			break
		}
		_, answer := pipeline.GetResults()
		if readings[i], err = reading(answer); err == nil {
			_, err = pipeline.GetResults()
		}
	}
	if err = errors.Join(err, pipeline.Close()); err != nil {
		return nil, fmt.Errorf("ask how the server reads a text: %w", err)
	}
	return readings, nil
}

func reading(answer error) (Reading, error) {
	var pg *pgconn.PgError
	switch {
	case answer == nil:
		return Reading{Kind: Exit}, nil
	case !errors.As(answer, &pg):
		return Reading{}, answer
	case pg.Code == "25P02":
		return Reading{Kind: One}, nil
	case pg.Routine == "exec_parse_message":
		return Reading{Kind: Several}, nil
	}
	return Reading{Kind: Refused, Error: pg}, nil
}

// code is the SQLSTATE of an error, or nothing.
func code(err error) string {
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		return pg.Code
	}
	return ""
}
