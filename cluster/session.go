package cluster

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"reddot/actors"
	"reddot/cluster/membership"
	"reddot/cluster/wire"
)

// The bounds of one link.
const (
	// maxFrame is the largest message that crosses nodes: the export of a full
	// inbox, a list of 200 large messages.
	maxFrame = 32 << 20
	// maxQueue is how much may wait to be sent to one peer. A peer that takes
	// less than it is sent loses the link, and both begin anew.
	maxQueue       = 64 << 20
	maxQueueFrames = 1 << 17
	// window is how many requests may be under way to one peer, and
	// windowBytes how large they are together. What comes beyond is refused as
	// busy.
	window      = 1 << 14
	windowBytes = 64 << 20
	// maxBatch is how many frames, and about how many bytes, are sent at once.
	maxBatch      = 512
	maxBatchBytes = 1 << 20
)

// Each of two nodes tells the other that it lives.
const (
	beatEvery = 500 * time.Millisecond
	// silenceLimit is after how much silence a link is given up.
	silenceLimit = membership.SilenceLimit
	// quietTime is after how much silence no more is sent over a link, until it is
	// given up or something comes.
	quietTime = 3 * beatEvery
)

// stream is one connection to a peer that carries batches both ways.
type stream interface {
	Send(*wire.Batch) error
	Recv(*wire.Batch) error
	Close() // ends Send and Recv
}

// A session is the life of one stream between two nodes. Frames arrive in the
// order in which they were sent; when it ends, both sides know that some may
// not have arrived: requests under way have an unknown outcome, attachments
// over it are forgotten by one side and made again by the other.
type session struct {
	peer    string
	version uint32 // of the wire, that both speak
	stream  stream
	over    chan struct{} // closed when it has ended
	closed  chan struct{} // closed when what hung on it has been told
	leaving atomic.Bool   // the peer hands its shards over
	spoken  atomic.Bool   // it has carried something both ways
	told    atomic.Bool   // the peer was told which filters have sessions here
	tells   atomic.Bool   // and has told it of its own
	heard   atomic.Int64  // when something last came: nanoseconds of the node's clock
	deaf    atomic.Int64  // for how long the peer had heard nothing when it last beat

	mu      sync.Mutex
	queue   []*wire.Frame
	bytes   int
	wake    chan struct{} // holds one when there is something to send
	err     error         // why it ended
	calls   map[uint64]call
	flying  int // bytes of the calls
	lastID  uint64
	waiting map[uint64]chan *wire.WireTold // asks
	hears   map[uint64]heard               // of topics; nil: it has ended
}

// A call is a request that waits for its answer.
type call struct {
	req   *actors.Request
	size  int
	since time.Time // when it first came to the router
}

func newSession(peer string, s stream) *session {
	return &session{peer: peer, stream: s, over: make(chan struct{}), closed: make(chan struct{}), wake: make(chan struct{}, 1),
		calls: make(map[uint64]call), waiting: make(map[uint64]chan *wire.WireTold), hears: make(map[uint64]heard)}
}

var (
	errLinkDown = errors.New("the link is down")
	errWindow   = actors.Errorf(actors.Busy, "as many requests as may be are under way to the node that owns this user; nothing was done")
)

// put queues a frame.
func (s *session) put(f *wire.Frame) error {
	if len(f.Body) > maxFrame {
		return fmt.Errorf("a frame of %d bytes; %d may cross nodes", len(f.Body), maxFrame)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.enqueue(f)
}

// enqueue is put with mu held.
func (s *session) enqueue(f *wire.Frame) error {
	if s.err != nil {
		return errLinkDown
	}
	if s.bytes+len(f.Body) > maxQueue || len(s.queue) >= maxQueueFrames {
		s.end(fmt.Errorf("it takes too little: %d bytes in %d frames wait for it", s.bytes, len(s.queue)))
		return errLinkDown
	}
	s.queue = append(s.queue, f)
	s.bytes += len(f.Body)
	select {
	case s.wake <- struct{}{}:
	default:
	}
	return nil
}

// ask sends a request. After an error it was not sent, and is the caller's:
// errLinkDown, or an actors.Error.
func (s *session) ask(r *actors.Request, since time.Time) error {
	s.mu.Lock()
	s.lastID++
	id := s.lastID
	s.mu.Unlock()
	f, err := wire.EncodeRequest(id, r)
	switch {
	case err != nil:
		return &actors.Error{Code: actors.Internal, Detail: "this command does not cross nodes", Cause: err}
	case len(f.Body) > maxFrame:
		return actors.Errorf(actors.TooLarge, "a request of %d bytes; %d may cross nodes", len(f.Body), maxFrame)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err == nil && (len(s.calls) >= window || s.flying+len(f.Body) > windowBytes) {
		return errWindow
	}
	if err := s.enqueue(f); err != nil {
		return err
	}
	s.calls[id] = call{r, len(f.Body), since}
	s.flying += len(f.Body)
	return nil
}

// answered takes the call with the id out.
func (s *session) answered(id uint64) (call, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c, ok := s.calls[id]
	if ok {
		delete(s.calls, id)
		s.flying -= c.size
	}
	return c, ok
}

// silent returns for how long nothing has come from the peer.
func (s *session) silent(n *Node) time.Duration { return time.Duration(n.clock() - s.heard.Load()) }

// stuck tells whether what is sent may not arrive: nothing comes back, or the
// peer says that nothing comes.
func (s *session) stuck(n *Node) bool {
	return s.silent(n) > quietTime || time.Duration(s.deaf.Load()) > quietTime
}

// load returns how much waits to be sent, and how many requests are under way.
func (s *session) load() (queued, calls int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.bytes, len(s.calls)
}

// fail ends the session.
func (s *session) fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.end(err)
}

// end is fail with mu held.
func (s *session) end(err error) {
	if s.err != nil {
		return
	}
	s.err, s.queue, s.bytes = err, nil, 0
	close(s.over)
	s.stream.Close()
}

// cause returns why the session has ended.
func (s *session) cause() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}

// lost returns the calls without an answer, once the session has ended.
func (s *session) lost() []*actors.Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := make([]*actors.Request, 0, len(s.calls))
	for id, c := range s.calls {
		list = append(list, c.req)
		delete(s.calls, id)
	}
	for id, ch := range s.waiting {
		close(ch)
		delete(s.waiting, id)
	}
	return list
}

// write sends what is queued until the session ends.
func (s *session) write() {
	for {
		select {
		case <-s.over:
			return
		case <-s.wake:
		}
		for b := s.batch(); b != nil; b = s.batch() {
			if err := s.stream.Send(b); err != nil {
				s.fail(fmt.Errorf("send: %w", err))
				return
			}
		}
	}
}

// batch takes what can be sent at once; nil: there is nothing.
func (s *session) batch() *wire.Batch {
	s.mu.Lock()
	defer s.mu.Unlock()
	n, size := 0, 0
	for n < len(s.queue) && n < maxBatch && (n == 0 || size+len(s.queue[n].Body) <= maxBatchBytes) {
		size += len(s.queue[n].Body)
		n++
	}
	if n == 0 {
		return nil
	}
	b := &wire.Batch{Frames: s.queue[:n:n]}
	if s.queue = s.queue[n:]; len(s.queue) == 0 {
		s.queue = nil
	}
	s.bytes -= size
	return b
}
