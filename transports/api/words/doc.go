// Package words is the resource /v1/keywords, an app's keyword lists, and screens by them
// what a message says.
//
// Rules that a change must keep:
//
//   - A change is taken whole or not at all: a bad line refuses it, with its number.
//   - What is screened is what people read: title, body, and strings in data that are no
//     names of members. A mask keeps the JSON around it byte by byte.
//   - An error says which list stops a message, and where; it does not repeat the word.
//
// Start reading at lists.go; message.go is how a message is screened.
package words
