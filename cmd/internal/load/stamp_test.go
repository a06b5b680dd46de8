package load

import (
	"testing"

	"reddot/cmd/internal/load/event"
)

func TestStamp(t *testing.T) {
	for _, want := range []stamp{{-1, 0, 0}, {0, 1, 2}, {999_999, 1 << 40, 1 << 50}} {
		b := appendBody(nil, "0badcafe", want, 200)
		if got, ok := parseStamp(b, "0badcafe"); !ok || got != want || len(b) != 200 {
			t.Errorf("got %+v, %v, %d bytes; want %+v", got, ok, len(b), want)
		}
		if _, ok := parseStamp(b, "0badcaff"); ok {
			t.Error("took another run's stamp")
		}
	}
}

func BenchmarkEvent(b *testing.B) {
	in := []byte(`{"type":"message","cursor":"AAAAAAAAAAAAAAAAAAAAAAAA","message":{"id":"00000000-0000-7000-8000-000000000000","body":"` +
		string(appendBody(nil, "0badcafe", stamp{1, 2, 3}, 128)) + `","created":"2026-01-01T00:00:00Z"},"counts":{"unread":3,"unseen":3,"by_category":{"":3},"rev":918,"cursor":"AAAAAAAAAAAAAAAAAAAAAAAA"}}`)
	b.ReportAllocs()
	for b.Loop() {
		var e event.Event
		if err := event.Parse(in, &e); err != nil {
			b.Fatal(err)
		}
		if _, ok := parseStamp(e.Body, "0badcafe"); !ok {
			b.Fatal("no stamp")
		}
	}
}
