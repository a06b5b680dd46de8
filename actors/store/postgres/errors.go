package postgres

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"reddot/actors"
	"reddot/actors/store"
)

// The SQLSTATEs that the store tells apart, and the first characters of whole
// classes. After each of them nothing of the statement is done.
const (
	sqlUniqueViolation = "23505"
	sqlDivisionByZero  = "22012" // sqlPredecessor; one of classData
	sqlDeadlock        = "40P01"
	sqlSerialization   = "40001"
	sqlLockTimeout     = "55P03"
	classConnection    = "08"
	classShutdown      = "57P" // the server stops, or has ended the session
	classData          = "22"  // a value that the database can't take
	classLimit         = "54"  // a row that is too large
	classResources     = "53"  // no disk, no memory, no connection
	classIO            = "58"
)

func sqlState(err error) string {
	var e *pgconn.PgError
	if errors.As(err, &e) {
		return e.Code
	}
	return ""
}

// atFault tells whether the statement failed because of some of its rows.
func atFault(err error) bool {
	state := sqlState(err)
	return state == sqlUniqueViolation || strings.HasPrefix(state, classData) || strings.HasPrefix(state, classLimit)
}

// collided tells whether the statement failed because of another one at the
// same time, so that it may be repeated at once.
func collided(err error) bool {
	state := sqlState(err)
	return state == sqlDeadlock || state == sqlSerialization
}

// noRoom tells whether the database had no room for what was written.
func noRoom(err error) bool {
	state := sqlState(err)
	return strings.HasPrefix(state, classResources) || strings.HasPrefix(state, classIO)
}

// lostConnection tells whether a query failed because its connection did,
// before it had a single row: a read may then be tried over another one.
func lostConnection(err error) bool {
	var part partError
	if errors.As(err, &part) {
		return false
	}
	var e *pgconn.PgError
	if errors.As(err, &e) {
		return strings.HasPrefix(e.Code, classConnection) || strings.HasPrefix(e.Code, classShutdown)
	}
	return !errors.Is(err, context.DeadlineExceeded)
}

// aborted tells whether it is certain that nothing of a statement was done: the
// server said so, and went on.
func aborted(err error) bool {
	var e *pgconn.PgError
	return errors.Is(err, errNoSession) || errors.Is(err, errWeak) || errors.As(err, &e) && e.SeverityUnlocalized == "ERROR"
}

// conflictError is what a job is refused with whose rows the database refuses.
func conflictError(j *store.Job, err error) error {
	if j.Write == nil {
		return &actors.Error{Code: actors.Internal, Detail: "the database can't take the record", Cause: err}
	}
	if sqlState(err) == sqlDivisionByZero {
		return store.OutOfOrder(j.Write)
	}
	if sqlState(err) == sqlUniqueViolation {
		return store.AlreadyWritten(j.Write, err)
	}
	return unfitError(j.Write, err)
}

// historyError is what a write is refused with whose actor was read from another
// history.
func historyError(w *actors.Write) error {
	return store.Refusal(actors.Conflict, fmt.Errorf("it is a write of %q", w.Stream.Key),
		"the actor was read before the store was restored, or its replica promoted")
}

// unfitError is what a write is refused with that the database can't take.
func unfitError(w *actors.Write, cause error) error {
	return store.Refusal(actors.Internal, fmt.Errorf("a write of %q: %w", w.Stream.Key, cause), "the database can't take the write")
}

// unreachable is what a read fails with while the database is gone.
func unreachable(err error) *actors.Error {
	return &actors.Error{Code: actors.Unavailable, Detail: "the store can't be reached at the moment; try again", Cause: err}
}
