package inbox

import (
	"encoding/binary"
	"testing"

	"reddot/actors"
)

// BenchmarkPublish decides and applies, and encodes the event and the push.
func BenchmarkPublish(b *testing.B) {
	l, _ := actors.Limits{}.WithDefaults()
	inbox, buf := New(), []byte(nil)
	content := []byte(`"title":"Your order has shipped","body":"It will be with you on Thursday."`)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		t := actors.Moment{Now: epoch + int64(i)*10, Random: 1}
		var n actors.ID
		binary.BigEndian.PutUint64(n[:8], uint64(t.Now)<<16|0x7000)
		binary.BigEndian.PutUint64(n[8:], uint64(i))
		d := inbox.Publish(&actors.Message{Id: n[:], Category: "order", Content: content, CreatedAt: t.Now}, actors.EdgeOnce(n), t, &l)
		buf = actors.EncodeEvent(buf[:0], d.Events[0])
		inbox.history.bytes += uint64(len(buf))
		if err := inbox.Apply(d.Events[0]); err != nil {
			b.Fatal(err)
		}
		actors.NewPushEvent(d.Events[0], actors.Shown{Message: d.Events[0].Message}, inbox.Cursor(), inbox.AppendCounts(nil))
		if inbox.SnapshotDue(&l) {
			inbox.Checkpoint(t.Now, &l, nil)
		}
	}
}
