// Package schedule turns the time of a wall clock in a zone into instants.
//
// Rules that a change must keep:
//
//   - It has no clock and no random. Zone data comes with the program (time/tzdata), or
//     from the system.
//   - A time that does not exist is the first instant after the gap; one that exists twice
//     is its first occurrence. So the instant of a day and a time is the first one at
//     which the wall clock shows it, or anything later.
//   - A day is a day of the calendar in the zone: it may have 23 or 25 hours, or none.
//   - What is next is never earlier than what it was asked for, and is its own next.
//
// Start reading at instant.go; window.go is about parts of the day.
package schedule
