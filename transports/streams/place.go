package streams

import (
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"time"

	"github.com/valyala/fasthttp"

	"reddot/actors"
	"reddot/transports"
)

// handover is how long fasthttp may take to hand over a connection whose
// client may have gone meanwhile.
const handover = 10 * time.Second

// A Place is the right to one connection that stays. It becomes a Socket, or
// is given back by Leave.
type Place struct {
	streams   *Streams
	transport uint8 // index into transportNames
	from      netip.Addr
	caller    *transports.Principal
	key       actors.Key
	since     int64 // unix milliseconds
	done      bool  // guarded by streams.mu
}

// Hijack makes the request's connection a Socket. The server must be set to
// KeepHijackedConns.
func (p *Place) Hijack(ctx *fasthttp.RequestCtx, o Opening) {
	// fasthttp drops the handler without a word where it finds the client gone.
	late := time.AfterFunc(handover, p.Release)
	ctx.HijackSetNoResponse(true)
	ctx.Hijack(func(hijacked net.Conn) {
		if !late.Stop() {
			_ = hijacked.Close()
			return
		}
		conn, early, err := takeOver(hijacked)
		if err == nil {
			err = p.Open(conn, early, o)
		}
		if err != nil {
			_ = conn.Close()
			p.Release()
			p.streams.log.Debug("connection not opened", slog.String("transport", transportNames[p.transport]), slog.Any("cause", err))
		}
	})
}

// Open makes the connection a Socket, of which early was read already. If it
// fails the connection and the place are still the caller's.
func (p *Place) Open(conn net.Conn, early []byte, o Opening) error {
	if err := tune(&p.streams.cfg.Sink, conn); err != nil {
		return err
	}
	s := &Start{Opening: o, place: p, early: early}
	if loop := p.streams.cfg.Loop; loop != nil {
		if err := loop.Carry(conn, s); !errors.Is(err, errors.ErrUnsupported) {
			return err
		}
	}
	return openPortable(conn, s)
}

// occupy hands the place over to the Socket.
func (p *Place) occupy(socket *Socket) {
	p.streams.mu.Lock()
	defer p.streams.mu.Unlock()
	p.done = true
	p.streams.slots.put(socket)
}

// Release gives the place back, unless it has become a Socket. It may come twice.
func (p *Place) Release() {
	p.streams.mu.Lock()
	defer p.streams.mu.Unlock()
	if !p.done {
		p.done = true
		p.streams.free(p.transport, p.from)
	}
}
