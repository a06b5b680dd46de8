package ws

import (
	"encoding/binary"
	"math"
	"unicode/utf8"

	"reddot/transports"
)

// A listener hears what a parser finds. False ends the parsing.
type listener interface {
	// text is a whole message of valid UTF-8.
	text(message []byte) bool
	// control is a ping, a pong or a close.
	control(opcode byte, payload []byte) bool
}

// A parser finds the messages in the bytes from a client, which come in pieces
// of any size. It holds bytes only while a message is cut: a whole frame in one
// piece is unmasked where it lies.
type parser struct {
	limit    int  // bytes of a message, also of one that was compressed
	inflates bool // compression was agreed on

	head    [14]byte // of the frame that is cut
	headLen int
	opcode  byte
	fin     bool
	mask    [4]byte
	left    int // bytes of payload that are to come
	at      int // bytes of payload that have come; the mask's position
	inFrame bool

	open     bool // a message has begun and is not complete
	deflated bool // and it is compressed
	message  []byte
	legible  int    // bytes of message that are known to be whole characters
	ctl      []byte // the payload of a control frame that is cut
}

// isIdle tells whether the parser is between two messages, and knows nothing of
// any.
func (p *parser) isIdle() bool { return p.headLen == 0 && !p.inFrame && !p.open }

// feed parses b, which it changes. It returns nil, or how the connection is to
// be closed: because the client broke the protocol, or, if stopped is true,
// because the listener wanted no more.
func (p *parser) feed(b []byte, l listener) (bad *transports.Close, stopped bool) {
	for len(b) > 0 {
		if !p.inFrame {
			n, done, bad := p.readHead(b)
			if bad != nil {
				return bad, false
			}
			if b = b[n:]; !done {
				return nil, false
			}
		}
		n := min(p.left, len(b))
		payload := b[:n]
		p.unmask(payload)
		b = b[n:]
		if bad, stopped := p.take(payload, l); bad != nil || stopped {
			return bad, stopped
		}
	}
	return nil, false
}

// readHead collects the head of a frame and checks it. It returns how many
// bytes of b belong to it and whether it is complete.
func (p *parser) readHead(b []byte) (n int, done bool, bad *transports.Close) {
	for {
		need := headLen(p.head[:p.headLen])
		if p.headLen == need {
			break
		}
		k := copy(p.head[p.headLen:need], b[n:])
		p.headLen += k
		if n += k; p.headLen < need {
			return n, false, nil
		}
		if need == 2 {
			if bad := p.checkHead(p.head[0], p.head[1]); bad != nil {
				return n, false, bad
			}
		}
	}
	if bad := p.beginFrame(); bad != nil {
		return n, false, bad
	}
	p.headLen = 0
	return n, true, nil
}

// headLen returns the length of the head that begins so, as far as can be told.
func headLen(head []byte) int {
	if len(head) < 2 {
		return 2
	}
	switch head[1] & 0x7F {
	case 126:
		return 2 + 2 + 4
	case 127:
		return 2 + 8 + 4
	default:
		return 2 + 4
	}
}

// checkHead checks the first two bytes of a head, before the rest is waited
// for (RFC 6455 section 5.2).
func (p *parser) checkHead(first, second byte) *transports.Close {
	control := first&0x0F >= opClose
	reserved := first & 0x70
	if p.inflates && first&0x0F == opText { // of a message's first frame (RFC 7692 section 6)
		reserved &^= deflateBit
	}
	switch {
	case reserved != 0:
		return broken("a reserved bit is set that means nothing here")
	case second&0x80 == 0:
		return broken("a frame from a client must be masked") // section 5.1
	case control && (first&finBit == 0 || second&0x7F > maxControl):
		return broken("a control frame is whole and has at most 125 bytes") // section 5.5
	}
	return nil
}

// beginFrame takes a complete head in.
func (p *parser) beginFrame() *transports.Close {
	h := p.head[:p.headLen]
	length := uint64(h[1] & 0x7F)
	switch length {
	case 126:
		length = uint64(binary.BigEndian.Uint16(h[2:]))
	case 127:
		length = binary.BigEndian.Uint64(h[2:])
	}
	if length > math.MaxInt64 {
		return broken("the length's highest bit is set")
	}
	p.fin, p.opcode = h[0]&finBit != 0, h[0]&0x0F
	copy(p.mask[:], h[len(h)-4:])
	if bad := p.beginData(length); bad != nil {
		return bad
	}
	p.left, p.at, p.inFrame = int(length), 0, true // #nosec G115 -- at most limit
	return nil
}

// beginData checks that the frame may follow the ones before.
func (p *parser) beginData(length uint64) *transports.Close {
	switch p.opcode {
	case opClose, opPing, opPong:
		return nil
	case opText:
		if p.open {
			return broken("a message begins within another")
		}
		p.open, p.deflated = true, p.head[0]&deflateBit != 0
	case opContinuation:
		if !p.open {
			return broken("a continuation of nothing")
		}
	case opBinary:
		c := transports.CloseUnsupported
		return &c
	default:
		return broken("unknown opcode")
	}
	most := p.limit
	if p.deflated {
		most += most/16 + 64 // what cannot be compressed grows a little
	}
	if length > uint64(most-len(p.message)) { // #nosec G115 -- not negative
		return tooLarge()
	}
	return nil
}

// unmask unmasks the next piece of payload in place (section 5.3).
func (p *parser) unmask(b []byte) {
	for i := range b {
		b[i] ^= p.mask[(p.at+i)&3]
	}
}

// take takes a piece of the frame's payload, the last one or not.
func (p *parser) take(piece []byte, l listener) (bad *transports.Close, stopped bool) {
	p.at += len(piece)
	p.left -= len(piece)
	p.inFrame = p.left > 0
	switch {
	case p.opcode >= opClose && p.inFrame:
		p.ctl = append(p.ctl, piece...)
		return nil, false
	case p.opcode >= opClose:
		return nil, !l.control(p.opcode, joined(&p.ctl, piece))
	case p.inFrame || !p.fin:
		return p.keep(piece), false
	}
	return p.complete(piece, l)
}

// keep keeps a piece of a message until the rest comes. A text that cannot
// become valid any more is refused at once (RFC 6455 section 8.1).
func (p *parser) keep(piece []byte) *transports.Close {
	p.message = append(p.message, piece...)
	if p.deflated {
		return nil
	}
	text := p.message[p.legible:]
	n := wholeRunes(text)
	if !utf8.Valid(text[:n]) {
		return badText()
	}
	p.legible += n
	return nil
}

// wholeRunes returns how much of the text is left without a character which
// the end of the text has cut, and which may be valid when the rest is there.
func wholeRunes(text []byte) int {
	for i := len(text) - 1; i >= max(0, len(text)-utf8.UTFMax+1); i-- {
		if !utf8.RuneStart(text[i]) {
			continue
		}
		if !utf8.FullRune(text[i:]) {
			return i
		}
		break
	}
	return len(text)
}

// complete hands over the message of which the last piece has come.
func (p *parser) complete(piece []byte, l listener) (bad *transports.Close, stopped bool) {
	legible := p.legible
	p.open, p.legible = false, 0
	message := joined(&p.message, piece)
	if p.deflated {
		z := inflaters.Get().(*inflater)
		defer inflaters.Put(z)
		if message, bad = z.inflate(message, p.limit); bad != nil {
			return bad, false
		}
	}
	if !utf8.Valid(message[legible:]) {
		return badText(), false
	}
	return nil, !l.text(message)
}

// joined returns what was kept and the piece, and keeps nothing.
func joined(kept *[]byte, piece []byte) []byte {
	if len(*kept) == 0 {
		return piece
	}
	b := append(*kept, piece...)
	*kept = nil
	return b
}

func broken(reason string) *transports.Close {
	return &transports.Close{Code: transports.CloseProtocol.Code, Reason: reason}
}

func tooLarge() *transports.Close {
	c := transports.CloseTooLarge
	return &c
}

func badText() *transports.Close {
	c := transports.CloseBadText
	return &c
}
