package transports

import (
	"errors"
	"io"
	"time"

	"github.com/valyala/fasthttp"
)

// PieceBytes is how much of an answer is written at a time. The client has to take
// each within the stall.
const PieceBytes = 16 << 10

// smallAnswer is up to how many bytes an answer is not counted: it leaves by the
// connection's own write buffer.
const smallAnswer = 4 << 10

// Pace lets the client take the response's body in pieces, each within stall, and
// counts it by the claim until it is written. The Claim is closed in any case. An
// answer that has a stream, or none of whose bytes wait, is left alone; nil
// counts nothing.
func Pace(ctx *fasthttp.RequestCtx, stall time.Duration, claim func() (*Claim, error)) error {
	r := &ctx.Response
	if ctx.Hijacked() || r.IsBodyStream() || ctx.IsHead() || r.SkipBody {
		return nil
	}
	body := r.Body()
	if len(body) <= smallAnswer {
		return nil
	}
	var c *Claim
	if claim != nil {
		var err error
		if c, err = claim(); err != nil {
			return err
		}
	}
	if own := r.SwapBody(nil); len(own) > 0 { // else they are not fasthttp's, which would use them again
		body = own
	}
	r.SetBodyStream(&paced{ctx: ctx, body: body, stall: stall, claim: c}, len(body))
	return nil
}

// paced is a body that is written piece by piece.
type paced struct {
	ctx   *fasthttp.RequestCtx
	body  []byte
	stall time.Duration
	claim *Claim
}

// SupportsBodyWriteTo tells fasthttp to call WriteTo.
func (*paced) SupportsBodyWriteTo() bool { return true }

// Read is not used: fasthttp calls WriteTo.
func (*paced) Read([]byte) (int, error) { return 0, errors.ErrUnsupported }

// WriteTo implements io.WriterTo.
func (p *paced) WriteTo(w io.Writer) (int64, error) { return WritePieces(p.ctx, w, p.body, p.stall) }

// Close implements io.Closer.
func (p *paced) Close() error {
	p.claim.Close()
	return nil
}

// WritePieces writes b to the client of the request, which has to take each piece
// within stall.
func WritePieces(ctx *fasthttp.RequestCtx, w io.Writer, b []byte, stall time.Duration) (written int64, err error) {
	for len(b) > 0 {
		if err := ctx.SetWriteDeadline(time.Now().Add(stall)); err != nil {
			return written, err
		}
		n, err := w.Write(b[:min(len(b), PieceBytes)])
		written += int64(n)
		if err != nil {
			return written, err
		}
		b = b[n:]
	}
	return written, nil
}
