package streams

import (
	"net"

	"reddot/actors"
)

// A Socket as its attachments to the user see it.

// first is the sink of a Socket's first attachment, which most have alone.
type first Socket

var (
	_ actors.Sink   = (*first)(nil)
	_ actors.Client = (*first)(nil)
	_ actors.Client = (*attached)(nil)

	_ actors.Answerer = (*first)(nil)
	_ actors.Answerer = (*attached)(nil)
)

// Beat implements actors.Answerer.
func (f *first) Beat() bool { return (*Socket)(f).beat() }

// Beat implements actors.Answerer.
func (l *attached) Beat() bool { return l.socket.beat() }

// Address implements actors.Client.
func (f *first) Address() string { return (*Socket)(f).Address() }

// Transport implements actors.Client.
func (f *first) Transport() string { return transportNames[f.transport] }

// Send implements actors.Sink.
func (f *first) Send(frames []byte) (pending int, err error) {
	return (&attached{(*Socket)(f), 0}).Send(frames)
}

// End implements actors.Sink.
func (f *first) End(why actors.End) { (&attached{(*Socket)(f), 0}).End(why) }

// An attached is a Socket as one attachment sees it. When another attachment has
// replaced that one, it neither writes nor ends the connection.
type attached struct {
	socket     *Socket
	generation uint32 // as in Socket.state
}

// Address implements actors.Client.
func (l *attached) Address() string { return l.socket.Address() }

// Transport implements actors.Client.
func (l *attached) Transport() string { return transportNames[l.socket.transport] }

// Send implements actors.Sink.
func (l *attached) Send(frames []byte) (pending int, err error) {
	if l.over() {
		return 0, net.ErrClosed
	}
	return l.socket.push(frames)
}

// End implements actors.Sink.
func (l *attached) End(why actors.End) {
	if !l.over() {
		l.socket.wire.End(why)
	}
}

func (l *attached) over() bool { return l.socket.state.Load()&generationMask != l.generation }
