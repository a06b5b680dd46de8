package plan

import (
	"crypto/sha256"
	"encoding/binary"

	"reddot/actors"
)

// MessageID returns the id under which all users of an arm get a round's message: a UUIDv7
// of the time at which the round began, in unix milliseconds, whose other bits follow from the
// start, the round and the arm.
func MessageID(p *actors.CampaignPlan, round uint32, began int64, arm int) actors.ID {
	b := append([]byte(nil), p.Id...)
	b = binary.BigEndian.AppendUint32(b, round)
	b = binary.BigEndian.AppendUint32(b, uint32(arm))
	sum := sha256.Sum256(b)
	id := actors.ID(sum[:16])
	var ms [8]byte
	binary.BigEndian.PutUint64(ms[:], uint64(began))
	copy(id[:6], ms[2:])
	id[6] = id[6]&0x0f | 0x70 // version 7 (RFC 9562, section 5.7)
	id[8] = id[8]&0x3f | 0x80
	return id
}
