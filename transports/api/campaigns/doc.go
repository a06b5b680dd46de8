// Package campaigns is the API's resource of campaigns: their texts, which are reviewed as
// templates are, and how they are started and steered.
//
// What a text may say is said by package plan, and its messages are read as a publish is. What
// a start sends is made of the approved text at once: the template's version that it names, or
// the live one, the segment and the policy as they are then. The campaign's actor has all of
// it, and looks at none of them again.
//
// Start reading at campaigns.go, then start.go.
package campaigns
