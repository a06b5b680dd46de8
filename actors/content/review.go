package content

import (
	"slices"
	"time"

	"reddot/actors"
)

// A State is one of a version on its way from the author to whoever gets it.
type State string

// The states.
const (
	Draft    State = "draft"
	InReview State = "in_review"
	Approved State = "approved"
	Rejected State = "rejected"
	Live     State = "live"
	Archived State = "archived" // given up: another version took its place before it was approved, or the template was archived
)

// A Move is a transition.
type Move string

// The moves.
const (
	Write    Move = "write"    // a new version
	Submit   Move = "submit"   // a draft is to be reviewed
	Approve  Move = "approve"  // by another principal, the hash says what was read
	Reject   Move = "reject"   // with a reason
	Publish  Move = "publish"  // an approved version is live; the one before stays approved
	Rollback Move = "rollback" // as publish, to one that was live before
	Archive  Move = "archive"  // nothing of the template is sent any more
)

// Moves are all of them.
var Moves = []Move{Write, Submit, Approve, Reject, Publish, Rollback, Archive}

// A Step says who has done something, and when.
type Step struct {
	At time.Time `json:"at"`
	By string    `json:"by"` // a Principal's ID
}

// A Version is what is known of one version of a template.
type Version struct {
	Number    uint64 `json:"version"`
	Hash      string `json:"hash"`
	State     State  `json:"state"`
	Written   Step   `json:"written"`
	Submitted *Step  `json:"submitted,omitempty"`
	Decided   *Step  `json:"decided,omitempty"`
	Reason    string `json:"reason,omitempty"` // of a rejection
	Published *Step  `json:"published,omitempty"`
}

// Sendable tells whether messages may be made of the version.
func (v *Version) Sendable() bool { return v.State == Approved || v.State == Live }

// A Record is what is known of a template: its versions, the oldest first. It is
// immutable: After returns another.
type Record struct {
	Live     uint64    `json:"live,omitempty"` // 0: none is
	Archived bool      `json:"archived,omitempty"`
	Last     uint64    `json:"last"` // the version of the last move
	Move     Move      `json:"move"` // that was it
	Versions []Version `json:"versions"`
}

// An Order asks for a move.
type Order struct {
	Move    Move
	Version uint64 // 0: the newest; Rollback: the one that was live last
	Hash    string // Write: of the source; Approve: what was reviewed
	Reason  string
	By      string // a Principal's ID
	At      time.Time
	Alone   bool // there is one principal alone, who may approve what it wrote
}

// The bounds of a template's record.
const (
	MaxReason   = 1 << 10
	maxVersions = 100 // the oldest go that can't be sent, and then those that are not live
)

// Find returns a version; 0: the newest. nil: it is not there.
func (r *Record) Find(number uint64) *Version {
	if r == nil || len(r.Versions) == 0 {
		return nil
	}
	if number == 0 {
		return &r.Versions[len(r.Versions)-1]
	}
	i := slices.IndexFunc(r.Versions, func(v Version) bool { return v.Number == number })
	if i < 0 {
		return nil
	}
	return &r.Versions[i]
}

// After returns what a move makes of the record; nil is one without versions.
func (r *Record) After(o Order) (*Record, error) {
	next := &Record{Move: o.Move}
	if r != nil {
		next.Live, next.Archived, next.Versions = r.Live, r.Archived, slices.Clone(r.Versions)
	}
	if o.Move == Write {
		next.write(o)
		return next, nil
	}
	if o.Move == Archive {
		return next, next.archive()
	}
	if o.Move == Rollback && o.Version == 0 {
		o.Version = next.before()
		if o.Version == 0 {
			return nil, actors.Errorf(actors.Conflict, "no other version was live before")
		}
	}
	v := next.Find(o.Version)
	if v == nil {
		return nil, actors.Errorf(actors.NotFound, "the template has no version %d, or not any more", o.Version)
	}
	next.Last = v.Number
	step := &Step{o.At, o.By}
	switch o.Move {
	case Submit:
		if v.State != Draft {
			return nil, v.not(Draft)
		}
		v.State, v.Submitted = InReview, step
	case Approve:
		if err := v.approvable(o); err != nil {
			return nil, err
		}
		v.State, v.Decided = Approved, step
	case Reject:
		if v.State != InReview {
			return nil, v.not(InReview)
		}
		v.State, v.Decided, v.Reason = Rejected, step, o.Reason
	case Publish, Rollback:
		if err := next.publish(v, o, step); err != nil {
			return nil, err
		}
	}
	return next, nil
}

// not says that the version is not in the state that the move needs.
func (v *Version) not(want State) error {
	return actors.Errorf(actors.Conflict, "version %d is %s, not %s", v.Number, v.State, want)
}

// write adds a version. One that was to be approved, and was not, is void by it.
func (r *Record) write(o Order) {
	for i := range r.Versions {
		if v := &r.Versions[i]; v.State == Draft || v.State == InReview {
			v.State = Archived
		}
	}
	number := uint64(1)
	if last := r.Find(0); last != nil {
		number = last.Number + 1
	}
	r.Archived, r.Last = false, number
	r.Versions = append(r.Versions, Version{Number: number, Hash: o.Hash, State: Draft, Written: Step{o.At, o.By}})
	for len(r.Versions) > maxVersions {
		i := slices.IndexFunc(r.Versions, func(v Version) bool { return !v.Sendable() })
		if i < 0 || i == len(r.Versions)-1 {
			i = slices.IndexFunc(r.Versions, func(v Version) bool { return v.State != Live })
		}
		r.Versions = slices.Delete(r.Versions, i, i+1)
	}
}

// Unchanged tells whether a source with the hash is no new version: the newest has it, and
// is on its way.
func (r *Record) Unchanged(hash string) bool {
	v := r.Find(0)
	return v != nil && v.Hash == hash && v.State != Rejected && v.State != Archived
}

func (v *Version) approvable(o Order) error {
	switch {
	case v.State != InReview:
		return v.not(InReview)
	case o.Hash != v.Hash:
		return &actors.Error{Code: actors.Conflict, Field: "hash", Detail: "hash: what was read is not this version; read it again"}
	case !o.Alone && (o.By == v.Written.By || v.Submitted != nil && o.By == v.Submitted.By):
		return actors.Errorf(actors.Forbidden, "who has written or submitted a version can't approve it; another one has to")
	}
	return nil
}

// publish lets an approved version be live.
func (r *Record) publish(v *Version, o Order, step *Step) error {
	switch {
	case v.State == Live:
		return actors.Errorf(actors.Conflict, "version %d is live already", v.Number)
	case v.State != Approved:
		return v.not(Approved)
	case o.Move == Rollback && v.Published == nil:
		return actors.Errorf(actors.Conflict, "version %d was never live; publish it instead", v.Number)
	}
	if old := r.Find(r.Live); r.Live != 0 && old != nil {
		old.State = Approved
	}
	v.State, v.Published, r.Live = Live, step, v.Number
	return nil
}

// before returns the version that was live last, of those that are not; 0: none was.
func (r *Record) before() (number uint64) {
	var at time.Time
	for _, v := range r.Versions {
		if v.State == Approved && v.Published != nil && !v.Published.At.Before(at) {
			number, at = v.Number, v.Published.At
		}
	}
	return number
}

// archive gives all versions up.
func (r *Record) archive() error {
	if len(r.Versions) == 0 || r.Archived {
		return actors.Errorf(actors.NotFound, "there is no such template, or it is archived")
	}
	for i := range r.Versions {
		if r.Versions[i].State != Rejected {
			r.Versions[i].State = Archived
		}
	}
	r.Live, r.Archived, r.Last = 0, true, r.Find(0).Number
	return nil
}
