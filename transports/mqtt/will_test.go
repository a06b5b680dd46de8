package mqtt_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"reddot/actors"
	"reddot/transports/mqtt"
	"reddot/transports/mqtt/packet"
)

// deaf is a connection of a session that does nothing.
type deaf struct{ id uint64 }

func (deaf) Client() string                { return "c" }
func (d deaf) ID() uint64                  { return d.id }
func (deaf) Queued([]actors.QueuedMessage) {}
func (deaf) Replaced()                     {}
func (deaf) Lost()                         {}

// TestWillOfTaken lets a session be taken over before its user's actor hears how
// the connection before has ended: what that says then decides about the will, also
// where the server has crashed meanwhile.
func TestWillOfTaken(t *testing.T) {
	for _, test := range []struct {
		name    string
		clean   bool
		orderly bool
		silent  bool // nothing is heard
		want    bool
	}{
		{name: "goodbye", orderly: true},
		{name: "goodbye, then Clean Start", clean: true, orderly: true},
		{name: "no goodbye", want: true},
		{name: "no goodbye, then Clean Start", clean: true, want: true},
		{name: "never heard of", silent: true, want: true},
	} {
		for _, crash := range []string{"", ", crash", ", crash behind a snapshot"} {
			t.Run(test.name+crash, func(t *testing.T) {
				t.Parallel()
				w := newWorld(t, mqtt.Config{}, func(w *world) {
					if w.grace = time.Minute; strings.Contains(crash, "snapshot") {
						w.limits.RetainEvents = 2
					}
				})
				will := &actors.Will{Message: &actors.TopicMessage{App: actors.DefaultApp, Topic: "gone/c", Payload: []byte("w"), At: w.clock.Now(), User: "alice", Client: "c"}}
				epoch := w.ask("alice", &actors.OpenSession{Client: "c", Expiry: 600_000, Will: will, Link: deaf{1}}).Epoch
				w.ask("alice", &actors.OpenSession{Client: "c", Expiry: 600_000, Clean: test.clean, Link: deaf{2}})
				if crash != "" {
					for i := range 8 {
						w.publish("alice", fmt.Sprint("message ", i))
					}
					w.crash()
					w.start()
				}
				watcher := w.dial()
				watcher.send(&packet.Connect{Version: packet.V311, CleanStart: true, ClientID: []byte("w")})
				watcher.read()
				watcher.send(parse(t, `SUBSCRIBE ID=1 "gone/#":0`))
				watcher.read()
				if test.silent {
					w.clock.Advance(2 * w.grace)
					w.publish("alice", "a turn")
				} else {
					w.ask("alice", &actors.CloseSession{Client: "c", Epoch: epoch, Orderly: test.orderly, Link: deaf{1}})
				}
				if test.want {
					if got := format(watcher.read()); got != `PUBLISH Topic="gone/c" Payload="w"` {
						t.Errorf("got %s, want the will", got)
					}
				}
				w.clock.Advance(2 * w.grace)
				w.publish("alice", "another turn")
				other := w.dial()
				other.send(&packet.Connect{Version: packet.V311, CleanStart: true, ClientID: []byte("o")})
				other.read()
				other.send(parse(t, `PUBLISH Topic="gone/end"`))
				if got := format(watcher.read()); got != `PUBLISH Topic="gone/end"` {
					t.Errorf("got %s, want the end", got)
				}
			})
		}
	}
}
