package websocket

import (
	"encoding/binary"
	"math"
	"unicode/utf8"

	"reddot/transports"
)

// A Listener hears what a Parser finds. False ends the parsing.
type Listener interface {
	// Message is a whole message of valid UTF-8, or, of a Parser for Binary, the
	// next piece of a message, which may be empty.
	Message(b []byte) bool
	// Control is a ping, a pong or a close, whole.
	Control(opcode byte, payload []byte) bool
}

// A Parser finds the messages in the bytes from a client, which come in pieces
// of any size. It holds bytes only while a message is cut: a whole frame in one
// piece is unmasked where it lies.
type Parser struct {
	Limit int // bytes of a message, also of one that was compressed; of text alone
	// Inflate unpacks a message and calls take with it, whose answer it returns, or
	// returns how the connection is to be closed (RFC 7692). nil: no compression
	// was agreed on.
	Inflate func(payload []byte, limit int, take func(text []byte) (*transports.Close, bool)) (*transports.Close, bool)
	// Binary says that messages are binary, without bound, and handed on as they
	// come. Else they are text.
	Binary bool

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

// IsIdle tells whether the Parser is between two messages, and knows nothing of
// any.
func (p *Parser) IsIdle() bool { return p.headLen == 0 && !p.inFrame && !p.open }

// Feed parses b, which it changes. It returns nil, or how the connection is to
// be closed: because the client broke the protocol, or, if stopped is true,
// because the listener wanted no more.
func (p *Parser) Feed(b []byte, l Listener) (bad *transports.Close, stopped bool) {
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
func (p *Parser) readHead(b []byte) (n int, done bool, bad *transports.Close) {
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
func (p *Parser) checkHead(first, second byte) *transports.Close {
	control := first&0x0F >= OpClose
	reserved := first & 0x70
	if p.Inflate != nil && first&0x0F == OpText { // of a message's first frame (RFC 7692 section 6)
		reserved &^= DeflateBit
	}
	switch {
	case reserved != 0:
		return Broken("a reserved bit is set that means nothing here")
	case second&0x80 == 0:
		return Broken("a frame from a client must be masked") // section 5.1
	case control && (first&FinBit == 0 || second&0x7F > maxControl):
		return Broken("a control frame is whole and has at most 125 bytes") // section 5.5
	}
	return nil
}

// beginFrame takes a complete head in.
func (p *Parser) beginFrame() *transports.Close {
	h := p.head[:p.headLen]
	length := uint64(h[1] & 0x7F)
	switch length {
	case 126:
		length = uint64(binary.BigEndian.Uint16(h[2:]))
	case 127:
		length = binary.BigEndian.Uint64(h[2:])
	}
	if length > math.MaxInt64 {
		return Broken("the length's highest bit is set")
	}
	p.fin, p.opcode = h[0]&FinBit != 0, h[0]&0x0F
	copy(p.mask[:], h[len(h)-4:])
	if bad := p.beginData(length); bad != nil {
		return bad
	}
	p.left, p.at, p.inFrame = int(length), 0, true
	return nil
}

// beginData checks that the frame may follow the ones before.
func (p *Parser) beginData(length uint64) *transports.Close {
	switch p.opcode {
	case OpClose, OpPing, OpPong:
		return nil
	case OpText, OpBinary:
		switch {
		case (p.opcode == OpBinary) != p.Binary:
			c := transports.CloseUnsupported
			return &c
		case p.open:
			return Broken("a message begins within another")
		}
		p.open, p.deflated = true, p.head[0]&DeflateBit != 0
	case OpContinuation:
		if !p.open {
			return Broken("a continuation of nothing")
		}
	default:
		return Broken("unknown opcode")
	}
	if p.Binary {
		return nil
	}
	most := p.Limit
	if p.deflated {
		most += most/16 + 64 // what cannot be compressed grows a little
	}
	if length > uint64(most-len(p.message)) {
		return tooLarge()
	}
	return nil
}

// unmask unmasks the next piece of payload in place (section 5.3).
func (p *Parser) unmask(b []byte) {
	for i := range b {
		b[i] ^= p.mask[(p.at+i)&3]
	}
}

// take takes a piece of the frame's payload, the last one or not.
func (p *Parser) take(piece []byte, l Listener) (bad *transports.Close, stopped bool) {
	p.at += len(piece)
	p.left -= len(piece)
	p.inFrame = p.left > 0
	switch {
	case p.opcode >= OpClose && p.inFrame:
		p.ctl = append(p.ctl, piece...)
		return nil, false
	case p.opcode >= OpClose:
		return nil, !l.Control(p.opcode, joined(&p.ctl, piece))
	case p.Binary:
		p.open = p.inFrame || !p.fin
		return nil, !l.Message(piece)
	case p.inFrame || !p.fin:
		return p.keep(piece), false
	}
	return p.complete(piece, l)
}

// keep keeps a piece of a message until the rest comes. A text that cannot
// become valid any more is refused at once (RFC 6455 section 8.1).
func (p *Parser) keep(piece []byte) *transports.Close {
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
func (p *Parser) complete(piece []byte, l Listener) (bad *transports.Close, stopped bool) {
	legible := p.legible
	p.open, p.legible = false, 0
	message := joined(&p.message, piece)
	if p.deflated {
		return p.Inflate(message, p.Limit, func(text []byte) (*transports.Close, bool) { return handOver(text, 0, l) })
	}
	return handOver(message, legible, l)
}

// handOver hands a message over of which so many bytes are known to be legible.
func handOver(message []byte, legible int, l Listener) (bad *transports.Close, stopped bool) {
	if !utf8.Valid(message[legible:]) {
		return badText(), false
	}
	return nil, !l.Message(message)
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

// Broken is how a connection is closed whose client breaks the protocol.
func Broken(reason string) *transports.Close {
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
