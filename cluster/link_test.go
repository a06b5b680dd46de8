package cluster

import (
	"errors"
	"strings"
	"testing"
	"time"

	"reddot/actors"
	"reddot/cluster/wire"
)

// TestQueueBound ends a link whose peer takes nothing, before much has gathered.
func TestQueueBound(t *testing.T) {
	l := newLink("z", silent{})
	f := &wire.Frame{Type: wire.FrameType_FRAME_PUSH, Body: make([]byte, 1<<20)}
	var err error
	n := 0
	for ; err == nil; n++ {
		err = l.enqueue(f)
	}
	if !errors.Is(err, errLinkDown) || n != maxQueue>>20+1 {
		t.Fatalf("%v after %d MiB", err, n)
	}
	if why := l.cause(); why == nil || !strings.Contains(why.Error(), "takes too little") {
		t.Errorf("ended by %v", why)
	}
	select {
	case <-l.done:
	default:
		t.Error("the session goes on")
	}
	if queued, _ := l.pending(); queued != 0 {
		t.Errorf("%d bytes are kept", queued)
	}
	if err := l.enqueue(&wire.Frame{Body: make([]byte, maxFrame+1)}); err == nil || errors.Is(err, errLinkDown) {
		t.Errorf("a frame that is too large: %v", err)
	}
}

// TestWindow refuses requests as busy when as many as may be are under way.
func TestWindow(t *testing.T) {
	l := newLink("z", silent{})
	ask := func(content int) error {
		id := actors.NewID()
		return l.call(actors.NewRequest(actors.UserKey("default", "alice"),
			&actors.Publish{Message: &actors.Message{Id: id[:], Category: "c", Content: make([]byte, content)}}), time.Now())
	}
	for i := range window {
		if err := ask(10); err != nil {
			t.Fatalf("request %d: %v", i, err)
		}
	}
	if err := ask(10); !errors.Is(err, errWindow) {
		t.Errorf("got %v, want busy", err)
	}
	if c, ok := l.takeCall(1); !ok || c.req == nil {
		t.Error("the first request is not known")
	}
	if err := ask(10); err != nil {
		t.Errorf("after an answer: %v", err)
	}
	l = newLink("z", silent{})
	n := 0
	for ask(8<<20) == nil {
		n++
	}
	if n >= windowBytes>>23+1 {
		t.Errorf("%d MiB are under way, of %d", n*8, windowBytes>>20)
	}
	l.fail(errors.New("cut"))
	if lost := len(l.lostCalls()); lost != n {
		t.Errorf("%d requests are lost, want %d", lost, n)
	}
}
