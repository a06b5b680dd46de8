package ws

import (
	"strconv"

	"reddot/actors"

	"reddot/transports/websocket"
)

// Format is the wire form of WebSocket: one text frame an event.
type Format struct{}

var (
	_ actors.Format  = Format{}
	_ actors.Greeter = Format{}
)

// form is the wire form.
var form = actors.NewForm()

// Form implements actors.Format.
func (Format) Form() actors.Form { return form }

// AppendPush implements actors.Format.
func (Format) AppendPush(b []byte, p *actors.Push) []byte {
	for i := range p.Events {
		b = websocket.AppendFrame(b, websocket.OpText, p.Events[i].JSON)
	}
	return b
}

// AppendBeat implements actors.Format: a ping, which every client answers.
func (Format) AppendBeat(b []byte) []byte { return websocket.AppendHead(b, websocket.OpPing, 0) }

// AppendHello implements actors.Greeter.
func (Format) AppendHello(b, counts, cursor []byte, recovered bool) []byte {
	hello := append(append([]byte(`{"type":"hello","counts":`), counts...), `,"cursor":"`...)
	hello = append(append(hello, cursor...), `","recovered":`...)
	hello = append(strconv.AppendBool(hello, recovered), '}')
	return websocket.AppendFrame(b, websocket.OpText, hello)
}

// DeflatedFormat is the wire form for clients with which compression was agreed
// on (RFC 7692): the same frames, the events in them compressed. A push is
// compressed once for all of them.
type DeflatedFormat struct{ Format }

var (
	_ actors.Format  = DeflatedFormat{}
	_ actors.Greeter = DeflatedFormat{}
)

// deflatedForm is the same, compressed.
var deflatedForm = actors.NewForm()

// Form implements actors.Format.
func (DeflatedFormat) Form() actors.Form { return deflatedForm }

// AppendPush implements actors.Format.
func (DeflatedFormat) AppendPush(b []byte, p *actors.Push) []byte {
	for i := range p.Events {
		b = appendDeflated(b, p.Events[i].JSON)
	}
	return b
}
