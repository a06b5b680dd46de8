package ws

import (
	"bytes"
	"encoding/hex"
	"testing"

	"reddot/actors"
	"reddot/transports"
	"reddot/transports/auth"
	"reddot/transports/websocket"
)

func TestFormat(t *testing.T) {
	for n, head := range map[int]string{
		0: "8100", 1: "8101", 125: "817d", 126: "817e007e", 65535: "817effff", 65536: "817f0000000000010000",
	} {
		json := bytes.Repeat([]byte{'x'}, n)
		p := &actors.Push{Events: []actors.PushEvent{{JSON: json}, {JSON: []byte("{}")}}}
		got := (Format{}).AppendPush(nil, p)
		want, _ := hex.DecodeString(head)
		want = append(append(want, json...), 0x81, 2, '{', '}')
		if !bytes.Equal(got, want) {
			t.Errorf("%d bytes: got % x…, want % x…", n, got[:min(len(got), 12)], want[:min(len(want), 12)])
		}
	}
	if got := (Format{}).AppendBeat(nil); !bytes.Equal(got, []byte{0x89, 0}) {
		t.Errorf("beat: got % x", got)
	}
	want := `{"type":"hello","counts":{},"cursor":"c","recovered":true}`
	if got := (Format{}).AppendHello(nil, []byte("{}"), []byte("c"), true); string(got[2:]) != want {
		t.Errorf("hello: got %s", got)
	}
	if got := websocket.AppendClose(nil, transports.CloseDrain); string(got) != "\x88\x13\x03\xf4the server drains" {
		t.Errorf("close: got %q", got)
	}
}

func TestTextFormat(t *testing.T) {
	p := &actors.Push{Events: []actors.PushEvent{{Type: "counts"}, {Type: "message", JSON: []byte(`{"message":{"body":"a\r\nü"}}`)}}}
	if got := string((TextFormat{}).AppendPush(nil, p)); got != "\x81\x05a\r\nü" {
		t.Errorf("got %q", got)
	}
}

func TestSubprotocol(t *testing.T) {
	for _, test := range []struct {
		offers []string
		want   string
	}{
		{nil, ""},
		{[]string{"reddot.v1"}, "reddot.v1"},
		{[]string{"bearer.x, reddot.v1"}, "reddot.v1"},
		{[]string{"bearer.x", "mqtt,reddot.v1"}, "reddot.v1"},
		{[]string{"bearer.x"}, "bearer.x"},
		{[]string{"bearer.x, chat"}, ""},
		{[]string{"chat"}, ""},
	} {
		var lists [][]byte
		for _, o := range test.offers {
			lists = append(lists, []byte(o))
		}
		if got := string(subprotocol(lists)); got != test.want {
			t.Errorf("%q: got %q, want %q", test.offers, got, test.want)
		}
	}
}

// FuzzSubprotocol checks that a token is named only where nothing else is asked
// for.
func FuzzSubprotocol(f *testing.F) {
	f.Add([]byte("bearer.x, reddot.v1"))
	f.Add([]byte("bearer.x"))
	f.Add([]byte(",,bearer."))
	f.Fuzz(func(t *testing.T, list []byte) {
		p := subprotocol([][]byte{list})
		if bytes.HasPrefix(p, []byte(auth.ProtocolPrefix)) && bytes.Contains(list, []byte(",")) {
			t.Errorf("%q: names %q", list, p)
		}
		if len(p) > 0 && !bytes.Contains(list, p) {
			t.Errorf("%q: names %q, which was not offered", list, p)
		}
	})
}
