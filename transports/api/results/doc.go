// Package results has many requests to actors under way at a time, and gives their
// results in the order of the requests, each as a line of JSON: for batches, events,
// lists and the seed's publish to all.
//
// What waits is bounded twice: so many requests, and so many bytes of results that
// nobody has taken yet.
//
// Start reading at pipeline.go; line.go is what a result looks like.
package results
