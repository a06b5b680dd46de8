package explain

import "reddot/actors"

// Own takes out what is not for the user's own eyes: why the app denies somebody, what was found
// in a text or is thought of it, to whom else a message was sent and why the user is not one of
// them, and how policies are called.
func (l *Life) Own() {
	for i := range l.list {
		l.list[i].own()
	}
	if l.last != nil { // it may be a copy
		l.last.own()
	}
}

// private are the rules whose values are other people's words.
var private = map[string]bool{actors.Rule_DENY.Word(): true, actors.Rule_REVIEW.Word(): true, actors.Rule_KEYWORDS.Word(): true}

func (d *Decision) own() {
	d.Policy, d.Version = "", 0
	if private[d.Rule] || d.Rule == "" && d.Pos != 0 {
		d.Value = ""
	}
}
