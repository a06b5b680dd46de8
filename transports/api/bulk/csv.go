package bulk

import (
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"reddot/actors"
	"reddot/actors/profile"
	"reddot/transports"
)

// rows cuts a stream of CSV (RFC 4180) into rows, and makes of each the line that NDJSON
// has for the same user. An empty cell says nothing of its column.
type rows struct {
	in      *csv.Reader
	bound   *bounded
	base    int64
	columns []column
	out     []byte
}

// A column is what a cell says.
type column struct {
	name string   // as the header has it
	path []string // the member; of attributes and addresses one within
	as   string   // text, number, bool, json, list: how it is written
}

// maxColumns bounds a header.
const maxColumns = 256

// plainColumns are the columns with one name, and how their cells are written.
var plainColumns = map[string]string{
	"user": "text", "locale": "text", "zone": "text", "tags": "list", "tenants": "list", "follows": "list", "lists": "list", "preferences": "json",
	"attributes": "json", "addresses": "json",
}

// newRows reads the header unless the columns are known, and returns them.
func newRows(in io.Reader, at int64, most int, names []string) (*rows, []string, error) {
	b := &bounded{in: in, most: int64(most)}
	s := &rows{bound: b, base: at, in: csv.NewReader(b)}
	s.in.ReuseRecord = true
	if names == nil {
		header, err := s.in.Read()
		switch {
		case errors.Is(err, io.EOF):
			return nil, nil, actors.Errorf(actors.Invalid, "the stream is empty: its first line names the columns")
		case err != nil:
			return nil, nil, badRow(err)
		}
		names = slices.Clone(header)
		names[0] = strings.TrimPrefix(names[0], "\ufeff") // as spreadsheets write it
	}
	if len(names) > maxColumns {
		return nil, nil, actors.Errorf(actors.Invalid, "there are at most %d columns", maxColumns)
	}
	for i, name := range names {
		c, err := parseColumn(name)
		if err != nil {
			return nil, nil, err
		}
		if slices.Contains(names[:i], name) {
			return nil, nil, transports.WrongField(transports.ShownField(name), "the column stands twice")
		}
		s.columns = append(s.columns, c)
	}
	if !slices.Contains(names, "user") {
		return nil, nil, transports.WrongField("user", "there is no such column")
	}
	s.in.FieldsPerRecord = len(names)
	b.mark(s.in.InputOffset())
	return s, names, nil
}

// parseColumn reads a column's name: a plain one, addresses.CHANNEL, or attributes.NAME
// with :number, :bool, :json or nothing, for text.
func parseColumn(name string) (column, error) {
	if as, ok := plainColumns[name]; ok {
		return column{name, []string{name}, as}, nil
	}
	if channel, ok := strings.CutPrefix(name, "addresses."); ok {
		if c := profile.ChannelOf(channel); c != nil {
			return column{name, []string{"addresses", channel}, c.Address}, nil
		}
	}
	if attribute, ok := strings.CutPrefix(name, "attributes."); ok && attribute != "" {
		attribute, as, typed := strings.Cut(attribute, ":")
		if !typed {
			as = "text"
		}
		if slices.Contains([]string{"text", "number", "bool", "json"}, as) && attribute != "" {
			return column{name, []string{"attributes", attribute}, as}, nil
		}
	}
	return column{}, transports.WrongField(transports.ShownField(name), "there is no such column; there are user, tags, tenants, locale, zone, follows, lists, "+
		"preferences, attributes, addresses, addresses.CHANNEL and attributes.NAME with :number, :bool, :json or, for text, nothing")
}

func (s *rows) next() (line, error) {
	record, err := s.in.Read()
	var parse *csv.ParseError
	switch {
	case errors.As(err, &parse) && !errors.Is(err, errLongRow):
		s.bound.mark(s.in.InputOffset())
		return line{end: s.base + s.in.InputOffset(), wrong: badRow(err)}, nil
	case errors.Is(err, errLongRow):
		return line{}, errLongRow
	case err != nil:
		return line{}, err
	}
	s.bound.mark(s.in.InputOffset())
	l := line{end: s.base + s.in.InputOffset()}
	l.text, l.wrong = s.object(record)
	return l, nil
}

// badRow is what is said of a row that is no CSV.
func badRow(err error) error {
	var parse *csv.ParseError
	if !errors.As(err, &parse) {
		return err
	}
	return actors.Errorf(actors.Invalid, "this is no row of CSV (RFC 4180): %v", parse.Err)
}

// object writes a row as JSON.
func (s *rows) object(record []string) ([]byte, error) {
	b := append(s.out[:0], '{')
	for _, group := range []string{"", "attributes", "addresses"} {
		open := false
		for i, c := range s.columns {
			in := ""
			if len(c.path) == 2 {
				in = c.path[0]
			}
			if in != group || record[i] == "" {
				continue
			}
			switch {
			case group != "" && !open:
				b = append(appendComma(b), `"`+group+`":{`...)
			default:
				b = appendComma(b)
			}
			open = true
			b = append(appendText(b, c.path[len(c.path)-1]), ':')
			var err error
			if b, err = c.appendCell(b, record[i]); err != nil {
				return nil, err
			}
		}
		if open && group != "" {
			b = append(b, '}')
		}
	}
	s.out = append(b, '}')
	return s.out, nil
}

func appendComma(b []byte) []byte {
	if b[len(b)-1] != '{' {
		b = append(b, ',')
	}
	return b
}

// appendCell appends a cell as JSON.
func (c *column) appendCell(b []byte, cell string) ([]byte, error) {
	wrong := func(want string) ([]byte, error) {
		return nil, transports.WrongField(transports.ShownField(c.name), "it must be "+want)
	}
	switch c.as {
	case "text":
		return appendText(b, cell), nil
	case "number":
		if _, err := strconv.ParseFloat(cell, 64); err != nil || !json.Valid([]byte(cell)) {
			return wrong("a number")
		}
		return append(b, cell...), nil
	case "bool":
		if cell != "true" && cell != "false" {
			return wrong("true or false")
		}
		return append(b, cell...), nil
	case "json":
		if !json.Valid([]byte(cell)) {
			return wrong("JSON")
		}
		return append(b, cell...), nil
	case "list":
		if cell[0] == '[' && json.Valid([]byte(cell)) {
			return append(b, cell...), nil
		}
		b = append(b, '[')
		for i, item := range strings.Split(cell, ";") {
			if i > 0 {
				b = append(b, ',')
			}
			b = appendText(b, strings.TrimSpace(item))
		}
		return append(b, ']'), nil
	}
	if cell[0] == '[' && json.Valid([]byte(cell)) {
		return append(b, cell...), nil
	}
	b = append(append(append(b, `[{"`...), c.as...), `":`...)
	return append(appendText(b, cell), `}]`...), nil
}

func appendText(b []byte, text string) []byte { return actors.AppendString(b, text) }

// A bounded reader ends with an error where a row is too long: a quote that nobody
// closes would take in all that follows.
type bounded struct {
	in    io.Reader
	most  int64
	read  int64
	start int64 // of the row
}

// readAhead is how much more than it needs encoding/csv reads at a time, in bytes.
const readAhead = 4096

var errLongRow = fmt.Errorf("bulk: %w", &actors.Error{Code: actors.TooLarge, Field: "line",
	Detail: "a row is too long, perhaps for a quote that is not closed; nothing behind it can be read"})

func (b *bounded) mark(offset int64) { b.start = offset }

func (b *bounded) Read(p []byte) (int, error) {
	left := b.start + b.most + readAhead - b.read
	if left <= 0 {
		return 0, errLongRow
	}
	n, err := b.in.Read(p[:min(int64(len(p)), left)])
	b.read += int64(n)
	return n, err
}
