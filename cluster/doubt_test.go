package cluster_test

import (
	"testing"

	"reddot/actors"
)

// TestTakenUsersKnowTheLog: a node that takes the users of another one reads the broadcast log on
// before the first of them wakes up, since that node may have shown them an entry of which this
// one has not heard.
func TestTakenUsersKnowTheLog(t *testing.T) {
	w := newWorld(t, 2)
	here, other := w.nodes[0], w.nodes[1]
	bob := w.userOf(other, 0)
	publish(t, here, w.userOf(here, 0), "hello") // so that it knows the log
	publish(t, here, bob, "hello")
	w.unheard(newMessage("to all"))
	w.drop(other)
	stop(t, other)
	w.settled()
	if a := ask(t, here, cmd(bob, &actors.Counts{})); a.Cursor.Pos != 1 || a.Rev != 2 {
		t.Errorf("bob is at entry %d and rev %d: %s; want the entry", a.Cursor.Pos, a.Rev, a.Counts)
	}
}

// unheard puts a message to all into the broadcast log without letting any node know of it.
func (w *world) unheard(m *actors.Message) {
	w.t.Helper()
	key, done := actors.LogKey(actors.DefaultApp), make(chan struct{}, 1)
	fences, err := w.journal.Epochs(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	s := actors.NewStream(key, fences[actors.ShardOf(key)].Fence, 0, func() { done <- struct{}{} })
	e := &actors.LogEntry{Kind: actors.LogKind_LOG_PUBLISHED, Pos: 1, At: m.CreatedAt, Message: m, Audience: &actors.Audience{All: true}}
	if err := w.journal.Append(&actors.Write{Stream: s, Events: [][]byte{actors.EncodeLogEntry(e)}}); err != nil {
		w.t.Fatal(err)
	}
	if <-done; s.Err() != nil || s.Durable() != 1 {
		w.t.Fatalf("the entry is not there: %v", s.Err())
	}
}
