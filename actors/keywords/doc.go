// Package keywords finds an app's keywords in texts: words that are blocked, masked or
// reviewed, and longer words that are allowed although one of those is in them.
//
// Rules that a change must keep:
//
//   - What is compared is folded, words and texts alike (fold.go): NFKC, which also makes
//     full width half width, then case, then traditional Chinese characters to simplified.
//     A folded text is a row of runs, each of one letter, however often it is repeated.
//   - A letter of a word matches a run of at least as many: "bad" is found in "baaad", and
//     "ass" is not found in "as". Digits are not joined, since numbers differ by them.
//   - What is no letter and no digit is skipped between two letters. Space is skipped
//     where the script writes none, and between letters that stand alone ("b a d").
//   - A hit is a place of the original text, and whole characters of it.
//   - A hit within the place of an allow word is none, in whichever set the two are.
//   - A Set is immutable. With makes another one, which shares what has not changed, so
//     that nobody who finds waits for a change.
//
// Start reading at set.go. fold.go and letters.go are how texts are folded, trie.go how the
// words of one first letter are kept, find.go how they are found. table.go is made by
// .ci/folding.
package keywords
