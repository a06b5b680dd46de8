package bulk

import (
	"encoding/json"
	"fmt"
	"time"

	"reddot/actors"
	"reddot/transports"
)

// A Format is how an import's lines are written.
type Format string

// The formats.
const (
	NDJSON Format = "ndjson"
	CSV    Format = "csv"
)

// A Mode says what a line does to what is known of its user.
type Mode string

// The modes: a line is merged into the profile as PATCH does, or takes its place as PUT.
const (
	Merge   Mode = "merge"
	Replace Mode = "replace"
)

// A State says how far a job is.
type State string

// The states. A job that is running where nobody works on it was cut off: it goes on
// where its Offset is, as a paused one does.
const (
	Running   State = "running"
	Paused    State = "paused" // its stream broke off
	Done      State = "done"
	Cancelled State = "cancelled"
)

// A Job is what is kept of an import.
type Job struct {
	ID     string `json:"id"`
	Kind   string `json:"kind"` // import
	State  State  `json:"state"`
	Format Format `json:"format"`
	Mode   Mode   `json:"mode"`
	Offset int64  `json:"offset"` // bytes of the stream up to which all lines are durable
	Lines  int    `json:"lines"`  // those of them, empty ones and the header too
	Done   int    `json:"done"`   // of those, users that were written
	Bad    int    `json:"bad"`    // and lines that were refused

	Errors  []LineError `json:"errors"` // the first of those
	Created time.Time   `json:"created"`
	Updated time.Time   `json:"updated"`
	By      string      `json:"by"` // a Principal's ID

	Columns []string `json:"columns,omitempty"` // of a CSV stream
	Run     string   `json:"run,omitempty"`     // who works on it; not shown
}

// maxErrors is how many bad lines a job keeps; all of them are in the answers.
const maxErrors = 1000

// A LineError says what is wrong with a line.
type LineError struct {
	Line   int         `json:"line"` // counted from 1; of CSV the row, the header being the first
	Status int         `json:"status"`
	Code   actors.Code `json:"code"`
	Field  string      `json:"field,omitempty"`
	Detail string      `json:"detail"`
}

func lineError(line int, err error) LineError {
	p := transports.ProblemOf(err)
	return LineError{Line: line, Status: p.Status, Code: p.Code, Field: p.Field, Detail: p.Detail}
}

// AppendJSON appends the job as the API shows it.
func (j *Job) AppendJSON(b []byte) []byte {
	shown := *j
	shown.Run = ""
	if shown.Errors == nil {
		shown.Errors = []LineError{}
	}
	return mustAppend(b, &shown)
}

// Progress is a line of an import's answer that says how far it is.
type Progress struct {
	Job    string `json:"job"`
	State  State  `json:"state"`
	Offset int64  `json:"offset"`
	Lines  int    `json:"lines"`
	Done   int    `json:"done"`
	Bad    int    `json:"bad"`
	Detail string `json:"detail,omitempty"` // why it is paused
}

func (j *Job) progress() Progress {
	return Progress{Job: j.ID, State: j.State, Offset: j.Offset, Lines: j.Lines, Done: j.Done, Bad: j.Bad}
}

// note takes in a line that has had its answer.
func (j *Job) note(r *result) {
	j.Offset, j.Lines = r.end, r.line
	switch {
	case r.err != nil:
		if j.Bad++; len(j.Errors) < maxErrors {
			j.Errors = append(j.Errors, lineError(r.line, r.err))
		}
	case !r.empty:
		j.Done++
	}
}

func mustAppend(b []byte, v any) []byte {
	text, err := json.Marshal(v)
	if err != nil {
		panic(fmt.Errorf("bulk: encode: %w", err)) // there is nothing in it that can't be
	}
	return append(b, text...)
}
