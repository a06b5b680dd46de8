package send

import (
	"bytes"
	"testing"

	"reddot/actors"
)

// FuzzSendEvent holds that whatever is read as an event of a send can be applied.
func FuzzSendEvent(f *testing.F) {
	n := actors.NewID()
	m := &actors.Message{Id: n[:], Category: "a", Content: []byte(`"title":"x"`)}
	for _, e := range []*actors.SendEvent{
		{Kind: actors.SendKind_SEND_STARTED, Message: m, Users: []string{"a", "b"}},
		{Kind: actors.SendKind_SEND_PROGRESS, Done: []uint32{0, 7}, Failed: 1},
		{Kind: actors.SendKind_SEND_EDITED, Patch: []byte(`{}`), Once: bytes.Repeat([]byte{1}, 16)},
		{Kind: actors.SendKind_SEND_RETRACTED},
	} {
		f.Add(encodeSendEvent(e))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		e, err := decodeSendEvent(raw)
		if err != nil {
			return
		}
		s := &state{}
		for _, start := range []bool{false, true} {
			if start {
				s.Apply(&actors.SendEvent{Kind: actors.SendKind_SEND_STARTED, Seq: 1, Message: m, Users: []string{"a"}})
			}
			e.Seq = s.seq + 1
			if s.Apply(e) != nil {
				continue
			}
			if i := s.step(); i < len(s.steps) {
				s.command(&s.steps[i])
			}
		}
	})
}
