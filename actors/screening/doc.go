// Package screening keeps the keyword lists of apps, and screens texts by them.
//
// Rules that a change must keep:
//
//   - A list's words are in records of buckets, by a hash of the folded word: to change a
//     word writes one bucket, and to load a list reads few records. A bucket is swapped,
//     never just put, so that nodes may change a list at once.
//   - A change ends with the list's mark, which has a new id then: by it other nodes notice
//     what they have to read again. A mark that was overwritten unseen is noticed by the
//     swap. A list is there as long as its mark is.
//   - The mark has the keys (actors.Once) of the last changes. A change whose mark was not
//     written is done again, which makes no difference to words.
//   - Who screens waits for nobody: what is in force is one immutable Screen an app. An
//     app without words has none.
//   - Lists, words and what is read at once have bounds. They are counted by what this
//     node knows, so nodes that add words at once may go past them by those.
//
// Start reading at lists.go. change.go is how words are changed, reload.go how changes of
// others are noticed, screen.go how a text is screened, query.go how lists are shown, and
// record.go how they are stored.
package screening
