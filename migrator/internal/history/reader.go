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
	Expect  Expected
}

// Read takes the next row of an answer.
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
		row.AppliedAt, _ = time.Parse(TimestampLayout, string(values[1])) // zero: not known
	}
	if r.Records == nil {
		r.Records = make([]Record, 0, r.Expect.Len)
	}
	r.Records = append(r.Records, row)
	return nil
}

func (r *Reader) expected(version, checksum []byte) Record {
	if i := len(r.Records); i < r.Expect.Len {
		if v, sum := r.Expect.At(i); string(version) == v && string(checksum) == sum {
			return Record{Version: v, Checksum: sum}
		}
	}
	return Record{Version: string(version), Checksum: string(checksum)}
}

// Expected are the rows of an up-to-date history, in order. A row that is as expected needs no memory for its text.
type Expected struct {
	Len int
	At  func(i int) (version, checksum string)
}
