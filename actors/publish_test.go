package actors

import (
	"encoding/binary"
	"testing"
)

// BenchmarkPublish decides and applies, and encodes the event and the push.
func BenchmarkPublish(b *testing.B) {
	l, _ := Limits{}.WithDefaults()
	inbox, buf := NewInbox(), []byte(nil)
	content := []byte(`"title":"Your order has shipped","body":"It will be with you on Thursday."`)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		t := Moment{Now: epoch + int64(i)*10, Random: 1}
		var n ID
		binary.BigEndian.PutUint64(n[:8], uint64(t.Now)<<16|0x7000)
		binary.BigEndian.PutUint64(n[8:], uint64(i))
		d := inbox.Publish(&Message{Id: n[:], Category: "order", Content: content, CreatedAt: t.Now}, EdgeOnce(n), t, &l)
		buf = EncodeEvent(buf[:0], d.Events[0])
		inbox.History.Bytes += uint64(len(buf))
		if err := inbox.Apply(d.Events[0]); err != nil {
			b.Fatal(err)
		}
		NewPushEvent(d.Events[0], d.Events[0].Message, State_UNSEEN, 0, inbox.Cursor(), inbox.AppendCounts(nil))
		if inbox.SnapshotDue(&l) {
			inbox.Checkpoint(t.Now, &l, nil)
		}
	}
}
