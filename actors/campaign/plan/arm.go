package plan

import (
	"github.com/cespare/xxhash/v2"

	"reddot/actors"
)

// thousand is the whole of which a holdout is a part.
const thousand = 1000

// Arm returns the arm that is a user's; -1: the user is held out, and gets nothing. It is
// found by two hashes (xxHash64) of the start's id and the user, so that who is held out says
// nothing of the arm.
func Arm(p *actors.CampaignPlan, user string) int {
	if p.Holdout > 0 && draw(p, 'h', user)%thousand < uint64(p.Holdout) {
		return -1
	}
	if len(p.Arms) == 1 {
		return 0
	}
	all := uint64(0)
	for _, a := range p.Arms {
		all += uint64(a.Weight)
	}
	at := draw(p, 'a', user) % all
	for i, a := range p.Arms {
		if at < uint64(a.Weight) {
			return i
		}
		at -= uint64(a.Weight)
	}
	return len(p.Arms) - 1 // never: at is below the sum
}

func draw(p *actors.CampaignPlan, of byte, user string) uint64 {
	var room [1 + 16 + 128]byte
	return xxhash.Sum64(append(append(append(room[:0], of), p.Id...), user...))
}

// Direct tells whether each round is one entry of the broadcast log: no user has to be asked
// what becomes of it.
func Direct(p *actors.CampaignPlan) bool {
	if len(p.Arms) > 1 || p.Holdout > 0 || p.Pace > 0 {
		return false
	}
	m := p.Arms[0].Message
	return m.Policy == nil && m.Screened == nil && len(m.Variants) == 0
}
