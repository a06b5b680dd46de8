package inbox

import (
	"encoding/binary"
	"testing"
	"time"

	"reddot/actors"
	"reddot/actors/rule"
)

// BenchmarkPublish decides and applies, and encodes the event and the push: without rules, and
// with a policy of three caps and quiet hours, which the issue allows to cost 15 % of a publish
// as a server does it (reddot bench), of which this is a small part.
func BenchmarkPublish(b *testing.B) {
	b.Run("plain", func(b *testing.B) { benchmarkPublish(b, nil) })
	b.Run("policy", func(b *testing.B) {
		benchmarkPublish(b, &actors.Policy{Name: "p", Version: 1, Body: []byte(`{"caps":[{"max":1000,"per":"1h"},{"max":900,"per":"24h","category":"order"},{"max":1000,"per":"24h","channel":"inapp"}],"quiet_hours":{"from":"03:00","to":"03:01","zone":"UTC"}}`)})
	})
}

func benchmarkPublish(b *testing.B, policy *actors.Policy) {
	l, _ := actors.Limits{}.WithDefaults()
	inbox, buf := New(), []byte(nil)
	read, err := (*rule.Book)(nil).Policy(policy)
	if err != nil {
		b.Fatal(err)
	}
	inbox.Book = &rule.Book{Policies: func(*actors.Policy) (*rule.Policy, error) { return read, nil }, Zones: func(string) *time.Location { return time.UTC }}
	content := []byte(`"title":"Your order has shipped","body":"It will be with you on Thursday."`)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		t := actors.Moment{Now: epoch + int64(i)*200_000, Random: 1} // so that no cap is reached
		var n actors.ID
		binary.BigEndian.PutUint64(n[:8], uint64(t.Now)<<16|0x7000)
		binary.BigEndian.PutUint64(n[8:], uint64(i))
		d := inbox.Publish(&actors.Message{Id: n[:], Category: "order", Content: content, CreatedAt: t.Now, Policy: policy}, actors.EdgeOnce(n), t, &l)
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
