package history

import (
	"encoding/json"
	"fmt"
	"time"
)

// A Reader collects the answers to Query, FastQuery, RecordsQuery and SearchQuery.
type Reader struct {
	Server  Server
	Search  *Search
	Records []Record
	Expect  Expected // optional, saves memory
}

// Read takes one row of an answer. The number of columns tells which query the row answers. It fails if the JSON of a row is not
// valid.
func (r *Reader) Read(_ int, values [][]byte) error {
	switch len(values) {
	case 1:
		if err := json.Unmarshal(values[0], &r.Server); err != nil {
			return fmt.Errorf("read what the server is: %w", err)
		}
		return nil
	case 2:
		if err := json.Unmarshal(values[1], &r.Search); err != nil {
			return fmt.Errorf("read what other histories there are: %w", err)
		}
		return nil
	}
	row := r.expected(values[0], values[2])
	if values[1] != nil {
		row.AppliedAt, _ = time.Parse(TimestampLayout, string(values[1])) // if it fails, the time stays zero: not known
	}
	if r.Records == nil {
		r.Records = make([]Record, 0, r.Expect.Len)
	}
	r.Records = append(r.Records, row)
	return nil
}

// expected returns a row, with the strings of Expect if they are equal.
func (r *Reader) expected(version, checksum []byte) Record {
	if i := len(r.Records); i < r.Expect.Len {
		if v, sum := r.Expect.At(i); string(version) == v && string(checksum) == sum {
			return Record{Version: v, Checksum: sum}
		}
	}
	return Record{Version: string(version), Checksum: string(checksum)}
}

// Expected are the rows of an up-to-date history, in order. A row that equals the expected one needs no memory of its own.
type Expected struct {
	Len int
	At  func(i int) (version, checksum string)
}
