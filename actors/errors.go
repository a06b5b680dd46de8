package actors

import (
	"errors"
	"fmt"
	"time"
)

// A Code is the stable name of a kind of error. It is part of the public
// contract; each transport maps it to its own numbers in one place.
type Code string

// The closed list of codes.
const (
	Invalid             Code = "invalid"              // the request breaks a rule; the same one never succeeds
	Unauthorized        Code = "unauthorized"         // no or a bad credential
	Forbidden           Code = "forbidden"            // the credential does not reach so far
	NotFound            Code = "not_found"            // there is no such thing
	Conflict            Code = "conflict"             // the thing is in another state than the request needs
	IdempotencyConflict Code = "idempotency_conflict" // the key was used for another request
	TooLarge            Code = "too_large"            // a size limit
	TooMany             Code = "too_many"             // a rate or number limit
	Busy                Code = "busy"                 // a bounded queue is full; nothing was done
	Unavailable         Code = "unavailable"          // the outcome is unknown, or a part is down; retry under the same key
	Internal            Code = "internal"             // our fault
)

// Fenced is between stores and nodes; a client sees Unavailable in its place.
// The shard has another fence by now, and nothing was done.
const Fenced Code = "fenced"

// Temporary tells whether the same request may succeed later.
func (c Code) Temporary() bool {
	return c == TooMany || c == Busy || c == Unavailable
}

// An Error is an error that a client may see: a stable code and a plain
// sentence. The cause is for the log alone.
type Error struct {
	Code       Code
	Detail     string        // a sentence for the caller
	Field      string        // the request's field at fault, if one is
	Place      Place         // where in the field, if that is known
	RetryAfter time.Duration // when to come back, if known
	Cause      error         // never shown to a client
}

// A Place is one in a text: lines and columns are counted from 1, columns in
// characters. The zero one is not known.
type Place struct {
	Line   int `json:"line"`
	Column int `json:"column"`
}

// Errorf returns an Error with the code and a formatted detail.
func Errorf(code Code, format string, args ...any) *Error {
	return &Error{Code: code, Detail: fmt.Sprintf(format, args...)}
}

// Error implements error.
func (e *Error) Error() string {
	s := string(e.Code) + ": " + e.Detail
	if e.Field != "" {
		s += " (" + e.Field + ")"
	}
	if e.Cause != nil {
		s += ": " + e.Cause.Error()
	}
	return s
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Cause }

// Temporary tells whether the same request may succeed later.
func (e *Error) Temporary() bool { return e.Code.Temporary() }

// AsError returns err as an Error; one that is not becomes Internal, with err
// as its cause.
func AsError(err error) *Error {
	if err == nil {
		return nil
	}
	var e *Error
	if errors.As(err, &e) {
		return e
	}
	return &Error{Code: Internal, Detail: "something went wrong inside; the server's log says what", Cause: err}
}

// ErrNotHere answers who asks for a message that the inbox does not have.
var ErrNotHere = Errorf(NotFound, "there is no such message in this inbox (it may have been retracted, expired or pushed out)")
