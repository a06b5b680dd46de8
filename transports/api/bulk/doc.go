// Package bulk takes users in by the million, and hands them out: a stream of lines (NDJSON
// or CSV), each of which is what is to be known, or is, of one user.
//
// Rules that a change must keep:
//
//   - An import is a job, whose record says up to where all is durable (Job.Offset). It is
//     written after the lines' answers, never before them.
//   - A line has an idempotency key, made of the job and its number: what was taken after
//     the last record was written comes again after a kill, and is not done twice.
//   - One request at a time works on a job. Another one, of any node, takes it over: the
//     record is swapped, and the first one finds out and ends. A job whose node has died
//     waits for such a request: the lines are the client's, and no node has them.
//   - Memory is bounded: so many lines are under way, each of a bounded size.
//   - What an export hands out an import takes, and then the same is known.
//   - A bad line fails alone, and is told with its number. What may succeed later is
//     tried again.
//
// Start reading at import.go. window.go is what is under way, job.go and jobs.go the
// record, ndjson.go and csv.go how lines are cut from a stream,
// export.go how they are written.
package bulk
