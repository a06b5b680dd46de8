package actors

// Recipients asks a send or a campaign for some of those whom it is for. Answers Body: a
// RecipientPage as JSON; NotFound if there is no such message, round or arm.
//
// A campaign names all users of the app, each with the message of its arm, or as held out: who
// was in the audience of a round is what the users know.
type Recipients struct {
	Message ID     // whose; of a campaign, none: the round's
	Round   uint32 // of a campaign; 0: the last
	Arm     string // of a campaign: those of this one; empty: all, and who is held out
	User    string // this one alone; empty: a page of them
	After   string // the Next of the page before; empty: from the first
	Limit   int
}

// Weight implements Command.
func (c *Recipients) Weight() int { return len(c.Arm) + len(c.User) + len(c.After) }

// A RecipientPage is some of those whom a send or a campaign is for. It may be short, or
// empty, and others follow.
type RecipientPage struct {
	List  []Recipient `json:"list"`
	Next  string      `json:"next,omitempty"`
	Round uint32      `json:"round,omitempty"` // of a campaign
	Arm   string      `json:"arm,omitempty"`   // of a campaign's message
}

// A Recipient is one of them.
type Recipient struct {
	User    string `json:"user"`
	Message string `json:"message,omitempty"`  // that the user gets, of a campaign; empty: none
	Arm     string `json:"arm,omitempty"`      // likewise
	HeldOut bool   `json:"held_out,omitempty"` // of a campaign: the user is to get nothing
	Pending bool   `json:"pending,omitempty"`  // of a send: the user was not asked yet, or could not answer
}

// NotInAudience is what came of a message that was not for a user.
const NotInAudience = "not_in_audience"
