package bulk

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"

	"reddot/actors"
)

// A line is one user's, cut from a stream.
type line struct {
	text  []byte // JSON, until the next one is cut; empty: there is nothing on it
	end   int64  // where the stream goes on behind it
	wrong error  // why it can't be taken; nil: it can
}

// A source cuts a stream into lines. It ends with io.EOF.
type source interface{ next() (line, error) }

// ndjson cuts a stream at its line ends.
type ndjson struct {
	in   *bufio.Reader
	long []byte // a line that is longer than what is read at a time
	at   int64
	most int // bytes of a line
	over bool
}

// readSize is how many bytes are read at a time.
const readSize = 64 << 10

func newNDJSON(in io.Reader, at int64, most int) *ndjson {
	return &ndjson{in: bufio.NewReaderSize(in, min(readSize, most+2)), at: at, most: most}
}

func (s *ndjson) next() (line, error) {
	if s.over {
		return line{}, io.EOF
	}
	text, n, err := s.cut()
	if err != nil && !errors.Is(err, io.EOF) {
		return line{}, err
	}
	if s.over = err != nil; s.over && n == 0 {
		return line{}, io.EOF
	}
	s.at += int64(n)
	l := line{end: s.at, text: bytes.TrimSpace(text)}
	if n > s.most+1 {
		l.text, l.wrong = nil, tooLong(s.most)
	}
	return l, nil
}

// cut reads to the next line end: text is the line, or a part of one that is too long, and
// n how many bytes it has.
func (s *ndjson) cut() (text []byte, n int, err error) {
	text, err = s.in.ReadSlice('\n')
	n = len(text)
	if !errors.Is(err, bufio.ErrBufferFull) {
		return text, n, err
	}
	for s.long = append(s.long[:0], text...); errors.Is(err, bufio.ErrBufferFull); {
		text, err = s.in.ReadSlice('\n')
		if n += len(text); n <= s.most+1 {
			s.long = append(s.long, text...)
		}
	}
	return s.long, n, err
}

func tooLong(most int) error {
	return &actors.Error{Code: actors.TooLarge, Field: "line", Detail: fmt.Sprintf("line: at most %d bytes are allowed", most)}
}
