package actors

import (
	"bytes"
	"encoding/hex"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/asynkron/protoactor-go/actor"
)

var rewriteFrames = flag.Bool("rewrite-frames", false, "write testdata/frames_v1.txt anew; allowed only before a version is in use")

// A crossing is a message and whom it goes to.
type crossing struct {
	to *actor.PID
	m  any
}

// crossings are one message of each kind that crosses nodes.
func crossings() []crossing {
	gate, own := actor.NewPID("a", "$7"), actor.NewPID("b", "$9")
	key := UserKey("shop", "alice")
	at := Cursor{Lineage: 77, Seq: 5, Pos: 1}
	event := PlainEvent("counts", at, []byte(`{"unread":1}`))
	push := &Push{Key: key, From: Cursor{Lineage: 77, Seq: 4}, To: at, Events: []PushEvent{event}, More: true}
	return []crossing{
		{nil, &Attach{gate, key, 1 << 33, 3, &at}},
		{nil, &Attach{gate, key, 1, 3, nil}},
		{nil, &Detach{gate, key, 9, 8, "sse"}},
		{nil, &Pull{gate, key, 9, 4, at, true}},
		{nil, &Reached{key, 12, "ws"}},
		{own, &Gone{key}},
		{own, &Kick{key, EndDisconnected}},
		{own, &WhoIs{key, gate, 99}},
		{own, &Described{gate, 99, []ConnInfo{{"1", "sse", "10.0.0.1", "2026-01-01T00:00:00.000Z"}}}},
		{own, &Greeting{Key: key, Conn: 9, Turn: 2, At: at, Head: at, Counts: []byte(`{}`), Recovered: true, Reset: true}},
		{own, &Greeting{Conn: 9, Turn: 2, Refused: EndTooMany}},
		{own, &PageRead{9, 2, push}},
		{own, &PageRead{9, 2, nil}},
		{own, push},
		{own, &Push{Key: key, From: at, To: at, Hole: true, Events: []PushEvent{}}},
	}
}

// commands are one request of each kind that crosses nodes.
func commands() []Command {
	id, at := ID{1, 2, 3}, Cursor{Lineage: 7, Seq: 8, Pos: 9}
	m := &Message{Id: id[:], Category: "order", Content: []byte(`"title":"x"`), Priority: Priority_HIGH, CreatedAt: 5}
	return []Command{
		&Publish{m}, &StartSend{m, []string{"alice", "bob"}}, &Edit{id, []byte(`{"title":"y"}`)}, &Retract{id}, &Find{id},
		&Mark{To: MarkRead, IDs: []ID{id, {4}}, Category: "c"}, &Mark{To: MarkSnoozed, UpTo: &at, Until: 12}, &Counts{},
		&List{"unread", "order", 20, "abc"}, &Replay{at, 100}, &Connections{}, &Disconnect{EndDisconnected}, &JournalPage{3, 4},
		&StateAt{6}, &Export{},
	}
}

func byName(self string) func(node, id string) *actor.PID {
	return func(node, id string) *actor.PID {
		if node == "" {
			node = self
		}
		return actor.NewPID(node, id)
	}
}

// crossings2 are those that wire version 2 has added.
func crossings2() []crossing {
	hub := actor.NewPID("a", "$5")
	m := &TopicMessage{Topic: "a/b", Payload: []byte("x"), Qos: 2, App: "shop", Once: make([]byte, 16)}
	return []crossing{
		{hub, &Tidings{Link: 4, What: TidingWaits, Waits: []Waits{{&Waiting{Seq: 7, Qos: 1, Ids: []uint32{3}, Size: 1}, m}, {&Waiting{Seq: 8, Inbox: true, Qos: 2}, nil}}}},
		{hub, &Tidings{Link: 4, What: TidingReplaced}},
		{hub, &Tidings{Link: 4, What: TidingLost}},
	}
}

// commands2 likewise.
func commands2() []Command {
	link := &FarLink{Hub: actor.NewPID("a", "$5"), id: 4, client: "phone"}
	m := &TopicMessage{Topic: "a/b", Payload: []byte("x"), Qos: 1, App: "shop", User: "bob", Attributes: []byte{1}, ExpiresAt: 9, At: 8}
	expiry := int64(0)
	return []Command{
		&OpenSession{Client: "phone", Clean: true, Expiry: 5, Will: &Will{Message: m, Delay: 3}, Link: link},
		&OpenSession{Client: "phone", Link: link, Again: true, Epoch: 6},
		&ChangeSession{Client: "phone", Epoch: 6, Change: &SessionChange{Set: []*Subscription{{Filter: "a/#", Qos: 1}}, Done: []uint32{4}}},
		&CloseSession{Client: "phone", Epoch: 6, Link: link, Orderly: true, Expiry: &expiry},
		&CloseSession{Client: "phone", Link: link},
		&QueueMessage{Message: m, Client: "phone", Filter: "$share/g/a/#", Retained: true},
		&FetchWaiting{Client: "phone", Seqs: []uint64{4, 5}, Inbox: []bool{true, false}},
		&Retain{m}, &Retained{Filter: "a/+"},
	}
}

// TestFrames sends each kind of message to another node and reads it there.
func TestFrames(t *testing.T) {
	for _, c := range append(crossings(), crossings2()...) {
		f, err := EncodeFrame(c.m, c.to, "a")
		if err != nil {
			t.Fatalf("%T: %v", c.m, err)
		}
		got, err := DecodeFrame(f, byName("a"))
		if err != nil {
			t.Fatalf("%T: %v", c.m, err)
		}
		if !same(got.Message, c.m) {
			t.Errorf("%T: got %+v, want %+v", c.m, got.Message, c.m)
		}
		if to := got.PID; c.to != nil && to != c.to.Id || c.to == nil && got.Key != UserKey("shop", "alice") {
			t.Errorf("%T: goes to %q, %q", c.m, to, got.Key)
		}
	}
	// One that a node passes on names whose gateway it is about.
	f, err := EncodeFrame(&Detach{Gate: actor.NewPID("c", "$1"), Key: UserKey("shop", "alice")}, nil, "a")
	if err != nil {
		t.Fatal(err)
	}
	if got, err := DecodeFrame(f, byName("a")); err != nil || got.Message.(*Detach).Gate.Address != "c" {
		t.Errorf("got %+v, %v, want a gateway of c", got.Message, err)
	}
}

// same compares by value; a Push holds locks.
func same(a, b any) bool {
	return fmt.Sprintf("%T %s", a, dump(reflect.ValueOf(a))) == fmt.Sprintf("%T %s", b, dump(reflect.ValueOf(b)))
}

func dump(v reflect.Value) string {
	switch {
	case !v.IsValid():
		return "nil"
	case v.Kind() == reflect.Pointer && v.IsNil():
		return "nil"
	case v.Type() == reflect.TypeFor[*actor.PID]():
		return v.Elem().FieldByName("Address").String() + "/" + v.Elem().FieldByName("Id").String()
	case v.Kind() == reflect.Interface:
		return dump(v.Elem())
	case v.Kind() == reflect.Pointer:
		return dump(v.Elem())
	case v.Kind() == reflect.Struct:
		var b strings.Builder
		for i := range v.NumField() {
			if name := v.Type().Field(i).Name; name != "forms" && name != "state" && name != "unknownFields" && name != "sizeCache" {
				b.WriteString(name + "=" + dump(v.Field(i)) + " ")
			}
		}
		return "{" + b.String() + "}"
	case v.Kind() == reflect.Slice && v.Type().Elem().Kind() != reflect.Uint8:
		var b strings.Builder
		for i := range v.Len() {
			b.WriteString(dump(v.Index(i)) + ",")
		}
		return "[" + b.String() + "]"
	}
	return fmt.Sprintf("%v", v)
}

// TestFramesOfRequests does the same with requests, and their answers.
func TestFramesOfRequests(t *testing.T) {
	for i, c := range append(commands(), commands2()...) {
		r := NewRequest(UserKey("shop", "alice"), c)
		if i%2 == 0 {
			r.Once = CallersOnce("caller", "key", []byte("body"))
		}
		f, err := EncodeRequest(uint64(i), r)
		if err != nil {
			t.Fatalf("%T: %v", c, err)
		}
		got, err := DecodeFrame(f, byName("a"))
		if err != nil {
			t.Fatalf("%T: %v", c, err)
		}
		q := got.Message.(*Request)
		if got.ID != uint64(i) || q.Key != r.Key || q.Once != r.Once || !same(q.Command, c) {
			t.Errorf("got %d %+v, want %d %+v", got.ID, q, i, r)
		}
	}
	for _, a := range []Answer{
		{},
		{ID: ID{1}, Rev: 3, Outcome: Filtered, Reason: "rule", Replayed: true, Cursor: Cursor{1, 2, 3}, Counts: []byte(`{}`), Unknown: []ID{{5}}, Body: []byte("x"), More: true},
		{Err: &Error{Code: TooMany, Detail: "slowly", Field: "f", RetryAfter: 1500e6}},
		{Session: &SessionState{Client: "phone", Epoch: 7, Open: true}, Epoch: 7, N: 2, Messages: []*TopicMessage{{Topic: "a"}, nil}},
	} {
		f, err := EncodeAnswer(7, &a)
		if err != nil {
			t.Fatal(err)
		}
		reply, err := DecodeReply(f.Body)
		if err != nil {
			t.Fatal(err)
		}
		var got Answer
		reply.Fill(&got)
		if reply.ID != 7 || reply.NotOwner || !same(&got, &a) {
			t.Errorf("got %+v, want %+v", got, a)
		}
	}
	f, err := EncodeNotOwner(8)
	if err != nil {
		t.Fatal(err)
	}
	if r, err := DecodeReply(f.Body); err != nil || !r.NotOwner || r.ID != 8 {
		t.Errorf("got %+v, %v, want not owner", r, err)
	}
}

// TestFramesOfVersions reads what nodes of each wire version send, and sends the
// same: what is in testdata/frames_v1.txt and frames_v2.txt never changes.
func TestFramesOfVersions(t *testing.T) {
	t.Run("v1", func(t *testing.T) { framesOfVersion(t, crossings(), commands()) })
	t.Run("v2", func(t *testing.T) { framesOfVersion(t, crossings2(), commands2()) })
}

func framesOfVersion(t *testing.T, crossings []crossing, commands []Command) {
	var b bytes.Buffer
	for _, c := range crossings {
		f, err := EncodeFrame(c.m, c.to, "a")
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&b, "%d %s # %T\n", f.Type, hex.EncodeToString(f.Body), c.m)
	}
	for i, c := range commands {
		f, err := EncodeRequest(uint64(i), NewRequest(UserKey("shop", "alice"), c))
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&b, "%d %s # %T\n", f.Type, hex.EncodeToString(f.Body), c)
	}
	_, version, _ := strings.Cut(t.Name(), "/")
	name := filepath.Join("testdata", "frames_"+version+".txt")
	if *rewriteFrames {
		if err := os.WriteFile(name, b.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	for i, line := range strings.Split(strings.TrimSpace(string(want)), "\n") {
		got, _, _ := strings.Cut(strings.Split(b.String(), "\n")[i], " #")
		kind, body, _ := strings.Cut(line, " ")
		body, what, _ := strings.Cut(body, " # ")
		if got != kind+" "+body {
			t.Errorf("%s: this program sends\n%s, nodes of %s\n%s", what, got, version, kind+" "+body)
		}
		raw, err := hex.DecodeString(body)
		if err != nil {
			t.Fatal(err)
		}
		var typ FrameType
		fmt.Sscan(kind, (*int32)(&typ))
		if _, err := DecodeFrame(&Frame{Type: typ, Body: raw}, byName("a")); err != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// TestFramesUnknown takes what a newer program may send: a command without a
// meaning here is told from garbage, a new field is passed over.
func TestFramesUnknown(t *testing.T) {
	body, err := (&WireRequest{Id: 4, Key: "udefault/alice", Command: 999}).MarshalVT()
	if err != nil {
		t.Fatal(err)
	}
	body = append(body, 0xba, 0x3e, 2, 'h', 'i') // field 999, bytes
	c, err := DecodeFrame(&Frame{Type: FrameType_FRAME_REQUEST, Body: body}, nil)
	if err != nil || c.Message.(*Request).Command != nil || c.ID != 4 {
		t.Errorf("got %+v, %v, want a request without a command", c, err)
	}
	for name, f := range map[string]*Frame{
		"type":   {Type: 999},
		"key":    {Type: FrameType_FRAME_GONE},
		"send":   {Type: FrameType_FRAME_REACHED, Body: append([]byte{10, 5}, "sa/bc"...)},
		"end":    {Type: FrameType_FRAME_KICK, Body: append(append([]byte{10, 5}, "ua/bc"...), 80, 99)},
		"no own": {Type: FrameType_FRAME_REQUEST, Body: append(append([]byte{18, 5}, "ua/bc"...), 48, 1)},
	} {
		if _, err := DecodeFrame(f, byName("a")); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

// FuzzFrame reads anything as a frame. What it takes, it sends on as it came.
func FuzzFrame(f *testing.F) {
	for _, c := range append(crossings(), crossings2()...) {
		w, err := EncodeFrame(c.m, c.to, "a")
		if err != nil {
			f.Fatal(err)
		}
		f.Add(int32(w.Type), w.Body)
	}
	for i, c := range append(commands(), commands2()...) {
		w, err := EncodeRequest(uint64(i), NewRequest("ua/b", c))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(int32(w.Type), w.Body)
	}
	f.Add(int32(FrameType_FRAME_ANSWER), []byte{8, 1})
	f.Fuzz(func(t *testing.T, kind int32, body []byte) {
		if FrameType(kind) == FrameType_FRAME_ANSWER {
			if r, err := DecodeReply(body); err == nil {
				r.Fill(&Answer{})
			}
			return
		}
		c, err := DecodeFrame(&Frame{Type: FrameType(kind), Body: body}, byName("a"))
		if err != nil {
			return
		}
		if r, ok := c.Message.(*Request); ok {
			if r.Command != nil {
				if _, err := EncodeRequest(c.ID, r); err != nil {
					t.Fatal(err)
				}
			}
			return
		}
		var to *actor.PID
		if c.PID != "" || c.Key == "" {
			to = actor.NewPID("a", c.PID)
		}
		w, err := EncodeFrame(c.Message, to, "a")
		if err != nil {
			t.Fatal(err)
		}
		again, err := DecodeFrame(w, byName("a"))
		if err != nil {
			t.Fatal(err)
		}
		if !same(again.Message, c.Message) {
			t.Fatalf("got %+v, then %+v", c.Message, again.Message)
		}
	})
}
