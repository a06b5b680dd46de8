// Package reviewed keeps texts that are sent only once they were approved, such as templates
// and campaigns: the texts of their versions, and a record of who wrote, reviewed and
// published which.
//
// Rules that a change must keep:
//
//   - A move (content.Order) is decided on the record as it is read, and stored by
//     compare-and-swap: of two nodes that decide at once one begins anew.
//   - A text is stored under its hash before the record names it, and is never changed.
//   - Records are not kept in memory, so what is sent is looked up when it is sent; texts
//     are, since they never change.
//   - A caller's key (actors.Once) is part of the record that it made. What comes again
//     under it is answered as then, also where the move is not possible any more.
//
// What a move makes of a record is decided by the package content. Start reading at
// reviewed.go.
package reviewed
