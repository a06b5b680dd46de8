package campaign

import (
	"errors"
	"fmt"

	"reddot/actors"
)

// stored is what events and snapshots are.
type stored interface {
	SizeVT() int
	MarshalToSizedBufferVT([]byte) (int, error)
	UnmarshalVT([]byte) error
}

func encode(p stored) []byte {
	b := make([]byte, 1+p.SizeVT())
	b[0] = actors.EventVersion
	if _, err := p.MarshalToSizedBufferVT(b[1:]); err != nil {
		panic(err) // the space is measured
	}
	return b
}

func decode(raw []byte, p stored) error {
	if len(raw) == 0 || raw[0] != actors.EventVersion {
		return errors.New("something in an encoding that this program does not know")
	}
	return p.UnmarshalVT(raw[1:])
}

// snapshot returns the state's stored form.
func (s *state) snapshot() []byte {
	p := &actors.CampaignState{
		Seq: s.seq, Plan: s.plan, Started: s.started, Next: s.next, Rounds: s.rounds, Number: s.number, Cursor: s.cursor,
		Paused: s.paused, Cancelled: s.cancelled, Retracting: s.retracting, Retracted: s.retracted, Undone: uint32(s.undone), By: s.by, Steered: s.steered,
	}
	for once, k := range s.keys {
		p.Keys = append(p.Keys, &actors.OnceKey{Key: append([]byte(nil), once[:]...), Digest: k.digest, At: k.at})
	}
	return encode(p)
}

// restore takes in a snapshot. The state must be new.
func (s *state) restore(raw []byte) error {
	p := &actors.CampaignState{}
	if err := decode(raw, p); err != nil {
		return fmt.Errorf("snapshot: %w", err)
	}
	if err := p.Plan.Check(); err != nil {
		return fmt.Errorf("snapshot of event %d: %w", p.Seq, err)
	}
	*s = state{
		seq: p.Seq, kept: p.Seq, plan: p.Plan, started: p.Started, next: p.Next, rounds: p.Rounds, number: p.Number, cursor: p.Cursor,
		paused: p.Paused, cancelled: p.Cancelled, retracting: p.Retracting, retracted: p.Retracted, undone: int(p.Undone), by: p.By, steered: p.Steered,
	}
	for _, r := range s.rounds {
		if len(r.Taken) != len(s.plan.Arms) {
			return fmt.Errorf("snapshot of event %d: a round of %d arms", p.Seq, len(r.Taken))
		}
	}
	for _, k := range p.Keys {
		if len(k.Key) != 16 {
			return fmt.Errorf("snapshot of event %d: a key of %d bytes", p.Seq, len(k.Key))
		}
		if s.keys == nil {
			s.keys = make(map[[16]byte]onceKey)
		}
		s.keys[[16]byte(k.Key)] = onceKey{k.Digest, k.At}
	}
	return nil
}
