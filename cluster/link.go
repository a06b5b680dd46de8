package cluster

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"reddot/actors"
	"reddot/cluster/membership"
	"reddot/cluster/stream"
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
	heartbeatEvery = 500 * time.Millisecond
	// silenceLimit is after how much silence a link is given up.
	silenceLimit = membership.SilenceLimit
	// quietTime is after how much silence no more is sent over a link, until it is
	// given up or something comes.
	quietTime = 3 * heartbeatEvery
)

// A link is the life of one stream between two nodes. Frames arrive in the
// order in which they were sent; when it ends, both sides know that some may
// not have arrived: requests under way have an unknown outcome, attachments
// over it are forgotten by one side and made again by the other.
type link struct {
	peer         string
	version      uint32 // of the wire, that both speak
	conn         stream.Conn
	done         chan struct{} // closed when it has ended
	closed       chan struct{} // closed when all who depend on it know that it has ended
	leaving      atomic.Bool   // the peer hands its shards over
	bothWays     atomic.Bool   // it has carried something both ways
	filtersSent  atomic.Bool   // the peer knows which filters have sessions here
	filtersKnown atomic.Bool   // and this node knows the peer's
	lastHeard    atomic.Int64  // when something last came: nanoseconds of the node's clock
	peerSilent   atomic.Int64  // for how long the peer had heard nothing, by its last heartbeat

	mu        sync.Mutex
	queue     []*wire.Frame
	bytes     int
	wake      chan struct{} // holds one when there is something to send
	err       error         // why it ended
	calls     map[uint64]call
	callBytes int // bytes of the calls
	lastID    uint64
	questions map[uint64]chan *wire.WireTold // asks
	acks      map[uint64]ack                 // of topics; nil: it has ended
}

// A call is a request that waits for its answer.
type call struct {
	req   *actors.Request
	size  int
	since time.Time // when it first came to the router
}

func newLink(peer string, c stream.Conn) *link {
	return &link{peer: peer, conn: c, done: make(chan struct{}), closed: make(chan struct{}), wake: make(chan struct{}, 1),
		calls: make(map[uint64]call), questions: make(map[uint64]chan *wire.WireTold), acks: make(map[uint64]ack)}
}

var (
	errLinkDown = errors.New("the link is down")
	errWindow   = actors.Errorf(actors.Busy, "as many requests as may be are under way to the node that owns this user; nothing was done")
)

// enqueue queues a frame.
func (l *link) enqueue(f *wire.Frame) error {
	if len(f.Body) > maxFrame {
		return fmt.Errorf("a frame of %d bytes; %d may cross nodes", len(f.Body), maxFrame)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.enqueueLocked(f)
}

// enqueueLocked is enqueue with mu held.
func (l *link) enqueueLocked(f *wire.Frame) error {
	if l.err != nil {
		return errLinkDown
	}
	if l.bytes+len(f.Body) > maxQueue || len(l.queue) >= maxQueueFrames {
		l.failLocked(fmt.Errorf("it takes too little: %d bytes in %d frames wait for it", l.bytes, len(l.queue)))
		return errLinkDown
	}
	l.queue = append(l.queue, f)
	l.bytes += len(f.Body)
	select {
	case l.wake <- struct{}{}:
	default:
	}
	return nil
}

// call sends a request. After an error it was not sent, and is the caller's:
// errLinkDown, or an actors.Error.
func (l *link) call(r *actors.Request, since time.Time) error {
	l.mu.Lock()
	l.lastID++
	id := l.lastID
	l.mu.Unlock()
	f, err := wire.EncodeRequest(id, r)
	switch {
	case err != nil:
		return &actors.Error{Code: actors.Internal, Detail: "this command does not cross nodes", Cause: err}
	case len(f.Body) > maxFrame:
		return actors.Errorf(actors.TooLarge, "a request of %d bytes; %d may cross nodes", len(f.Body), maxFrame)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.err == nil && (len(l.calls) >= window || l.callBytes+len(f.Body) > windowBytes) {
		return errWindow
	}
	if err := l.enqueueLocked(f); err != nil {
		return err
	}
	l.calls[id] = call{r, len(f.Body), since}
	l.callBytes += len(f.Body)
	return nil
}

// takeCall takes the call with the id out.
func (l *link) takeCall(id uint64) (call, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	c, ok := l.calls[id]
	if ok {
		delete(l.calls, id)
		l.callBytes -= c.size
	}
	return c, ok
}

// silent returns for how long nothing has come from the peer.
func (l *link) silent(n *Node) time.Duration { return time.Duration(n.clock() - l.lastHeard.Load()) }

// stuck tells whether what is sent may not arrive: nothing comes back, or the
// peer says that nothing comes.
func (l *link) stuck(n *Node) bool {
	return l.silent(n) > quietTime || time.Duration(l.peerSilent.Load()) > quietTime
}

// pending returns how much waits to be sent, and how many requests are under way.
func (l *link) pending() (queued, calls int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.bytes, len(l.calls)
}

// fail ends the link.
func (l *link) fail(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.failLocked(err)
}

// failLocked is fail with mu held.
func (l *link) failLocked(err error) {
	if l.err != nil {
		return
	}
	l.err, l.queue, l.bytes = err, nil, 0
	close(l.done)
	l.conn.Close()
}

// cause returns why the link has ended.
func (l *link) cause() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.err
}

// lostCalls returns the calls without an answer, once the link has ended.
func (l *link) lostCalls() []*actors.Request {
	l.mu.Lock()
	defer l.mu.Unlock()
	list := make([]*actors.Request, 0, len(l.calls))
	for id, c := range l.calls {
		list = append(list, c.req)
		delete(l.calls, id)
	}
	for id, ch := range l.questions {
		close(ch)
		delete(l.questions, id)
	}
	return list
}

// write sends what is queued until the link ends.
func (l *link) write() {
	for {
		select {
		case <-l.done:
			return
		case <-l.wake:
		}
		for b := l.batch(); b != nil; b = l.batch() {
			if err := l.conn.Send(b); err != nil {
				l.fail(fmt.Errorf("send: %w", err))
				return
			}
		}
	}
}

// batch takes what can be sent at once; nil: there is nothing.
func (l *link) batch() *wire.Batch {
	l.mu.Lock()
	defer l.mu.Unlock()
	n, size := 0, 0
	for n < len(l.queue) && n < maxBatch && (n == 0 || size+len(l.queue[n].Body) <= maxBatchBytes) {
		size += len(l.queue[n].Body)
		n++
	}
	if n == 0 {
		return nil
	}
	b := &wire.Batch{Frames: l.queue[:n:n]}
	if l.queue = l.queue[n:]; len(l.queue) == 0 {
		l.queue = nil
	}
	l.bytes -= size
	return b
}
