// Package campaign runs campaigns: each is a persistent actor that sends, round after round,
// what was approved to whom it is for.
//
// What is for all, a topic, a segment or a list, and needs no decision for each user, is one
// entry of the broadcast log (plan.Direct). All else walks: the users of the audience are found
// in pages by the index, in the order of shards, and each is asked to take the message of its
// arm; the actors of all nodes decide at once, while the pages are read where the campaign is.
//
// Rules that a change must keep:
//
//   - A page is in the journal once all of its users have answered (walk.go). After a crash it
//     comes again, which is harmless: in a round an arm's message has one id, and a user takes
//     an id once, also when a rule has stopped it, or its key is forgotten.
//   - The audience is that of the time at which the round began. Who joins it behind the walk's
//     place is found, and before it not.
//   - A campaign has one page in memory, whatever the number of users.
//   - What is sent is in the plan, whole: templates, segments and policies may change meanwhile.
//   - A pause, a cancellation and a retraction take effect behind the page that is under way.
//
// Start reading at campaign.go, the shell; what it decides is its state's (state.go).
package campaign
