package wire

import (
	"bytes"
	"encoding/hex"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/asynkron/protoactor-go/actor"

	"reddot/actors"
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
	key := actors.UserKey("shop", "alice")
	at := actors.Cursor{Lineage: 77, Seq: 5, Pos: 1}
	event := actors.PlainEvent("counts", at, []byte(`{"unread":1}`))
	push := &actors.Push{Key: key, From: actors.Cursor{Lineage: 77, Seq: 4}, To: at, Events: []actors.PushEvent{event}, More: true}
	return []crossing{
		{nil, &actors.Attach{Gate: gate, Key: key, Conn: 1 << 33, Turn: 3, After: &at}},
		{nil, &actors.Attach{Gate: gate, Key: key, Conn: 1, Turn: 3, After: nil}},
		{nil, &actors.Detach{Gate: gate, Key: key, Conn: 9, Upto: 8, Transport: "sse"}},
		{nil, &actors.Pull{Gate: gate, Key: key, Conn: 9, Turn: 4, After: at, Again: true}},
		{nil, &actors.Reached{Key: key, Upto: 12, Transport: "ws"}},
		{own, &actors.Gone{Key: key}},
		{own, &actors.Kick{Key: key, Why: actors.EndDisconnected}},
		{own, &actors.WhoIs{Key: key, User: gate, Query: 99}},
		{own, &actors.Described{Gate: gate, Query: 99, Conns: []actors.ConnInfo{{ID: "1", Transport: "sse", Address: "10.0.0.1", Since: "2026-01-01T00:00:00.000Z", Visible: true}}}},
		{own, &actors.Greeting{Key: key, Conn: 9, Turn: 2, At: at, Head: at, Counts: []byte(`{}`), Recovered: true, Reset: true}},
		{own, &actors.Greeting{Conn: 9, Turn: 2, Refused: actors.EndTooMany}},
		{own, &actors.PageRead{Conn: 9, Turn: 2, Push: push}},
		{own, &actors.PageRead{Conn: 9, Turn: 2, Push: nil}},
		{own, push},
		{own, &actors.Push{Key: key, From: at, To: at, Hole: true, Events: []actors.PushEvent{}}},
	}
}

// commands are one request of each kind that crosses nodes.
func commands() []actors.Command {
	id, at := actors.ID{1, 2, 3}, actors.Cursor{Lineage: 7, Seq: 8, Pos: 9}
	m := &actors.Message{Id: id[:], Category: "order", Content: []byte(`"title":"x"`), Priority: actors.Priority_HIGH, CreatedAt: 5}
	return []actors.Command{
		&actors.Publish{Message: m}, &actors.StartSend{Message: m, Users: []string{"alice", "bob"}}, &actors.Edit{ID: id, Patch: []byte(`{"title":"y"}`)}, &actors.Retract{ID: id}, &actors.Find{ID: id},
		&actors.Mark{To: actors.MarkRead, IDs: []actors.ID{id, {4}}, Category: "c"}, &actors.Mark{To: actors.MarkSnoozed, UpTo: &at, Until: 12}, &actors.Counts{},
		&actors.List{State: "unread", Category: "order", Limit: 20, Next: "abc"}, &actors.Replay{After: at, Limit: 100}, &actors.Connections{}, &actors.Disconnect{Why: actors.EndDisconnected}, &actors.JournalPage{After: 3, Limit: 4},
		&actors.StateAt{Rev: 6}, &actors.Export{},
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
	m := &actors.TopicMessage{Topic: "a/b", Payload: []byte("x"), Qos: 2, App: "shop", Once: make([]byte, 16)}
	return []crossing{
		{hub, &actors.Notice{Link: 4, Kind: actors.NoticeQueued, Queued: []actors.QueuedMessage{{Waiting: &actors.Waiting{Seq: 7, Qos: 1, Ids: []uint32{3}, Size: 1}, Message: m}, {Waiting: &actors.Waiting{Seq: 8, Inbox: true, Qos: 2}, Message: nil}}}},
		{hub, &actors.Notice{Link: 4, Kind: actors.NoticeReplaced}},
		{hub, &actors.Notice{Link: 4, Kind: actors.NoticeLost}},
	}
}

// commands2 likewise.
func commands2() []actors.Command {
	link := actors.NewRemoteLink(actor.NewPID("a", "$5"), 4, "phone", 0)
	m := &actors.TopicMessage{Topic: "a/b", Payload: []byte("x"), Qos: 1, App: "shop", User: "bob", Attributes: []byte{1}, ExpiresAt: 9, At: 8}
	expiry := int64(0)
	return []actors.Command{
		&actors.OpenSession{Client: "phone", Clean: true, Expiry: 5, Will: &actors.Will{Message: m, Delay: 3}, Link: link},
		&actors.OpenSession{Client: "phone", Link: link, Again: true, Epoch: 6},
		&actors.ChangeSession{Client: "phone", Epoch: 6, Change: &actors.SessionChange{Set: []*actors.Subscription{{Filter: "a/#", Qos: 1}}, Done: []uint32{4}}},
		&actors.CloseSession{Client: "phone", Epoch: 6, Link: link, Orderly: true, Expiry: &expiry},
		&actors.CloseSession{Client: "phone", Link: link},
		&actors.QueueMessage{Message: m, Client: "phone", Filter: "$share/g/a/#", Retained: true},
		&actors.FetchWaiting{Client: "phone", Seqs: []uint64{4, 5}, Inbox: []bool{true, false}},
		&actors.Retain{Message: m}, &actors.Retained{Filter: "a/+"},
	}
}

// others are commands that stand in a message of their own.
func others() []actors.Command {
	p := &actors.Profile{
		Tags: []string{"vip"}, Locale: "zh-CN", Zone: "Asia/Shanghai", Tenants: []string{"acme"},
		Attributes: []*actors.Attribute{{Name: "city", Value: &actors.Attribute_Text{Text: "Shanghai"}}, {Name: "levels", Value: &actors.Attribute_Numbers{Numbers: &actors.NumberList{List: []float64{1, 2.5}}}}},
		Addresses:  []*actors.Address{{Channel: "apns", Address: "t", Account: "topic"}},
	}
	prefs := &actors.Preferences{
		Categories: []*actors.CategoryPreference{{Category: "order", Channels: []*actors.ChannelPreference{{Channel: "sms"}}}},
		Tenants:    []*actors.TenantPreferences{{Tenant: "acme", Preferences: &actors.Preferences{MutedUntil: 5}}},
		QuietHours: &actors.QuietHours{From: 60, To: 120, Days: 3},
	}
	id := actors.ID{1, 2, 3}
	m := &actors.Message{Id: id[:], Category: "order", Content: []byte(`"title":"x"`), Shared: true, CreatedAt: 5}
	of := m.Copy()
	of.Tenant = "acme"
	return []actors.Command{
		&actors.Publish{Message: of}, &actors.StartSend{Message: of, Users: []string{"alice"}}, &actors.Broadcast{Message: of, Audience: &actors.Audience{All: true}},
		&actors.DryRun{Of: &actors.Publish{Message: m}}, &actors.DryRun{Of: &actors.StartSend{Message: of, Users: []string{"alice"}}}, &actors.DryRun{Of: &actors.Broadcast{Message: m, Audience: &actors.Audience{All: true}}},
		&actors.Mark{To: actors.MarkRead, Category: "c", Tenant: "acme"}, &actors.List{State: "unread", Tenant: "acme", Limit: 20}, &actors.Counts{Tenant: "acme"},
		&actors.Broadcast{Message: m, Audience: &actors.Audience{All: true}}, &actors.Broadcast{Message: m, Audience: &actors.Audience{Topic: "news"}},
		&actors.Broadcast{Message: m, Audience: &actors.Audience{List: "friends"}},
		&actors.Broadcast{Message: m, Audience: &actors.Audience{Segment: &actors.Segment{Name: "vips", Version: 3, Where: "'vip' in tags"}}},
		&actors.SetProfile{Profile: p, Removed: []string{"attributes.age"}}, &actors.SetProfile{Profile: &actors.Profile{}, Replace: true},
		&actors.ImportUser{Profile: actors.SetProfile{Profile: p, Removed: []string{"tags"}}, Preferences: prefs, Follows: []string{"news"}, Lists: []string{"beta"}, AllLists: true},
		&actors.ImportUser{Profile: actors.SetProfile{Profile: &actors.Profile{}, Replace: true}, AllFollows: true},
		&actors.SetPreferences{Preferences: prefs}, &actors.Follow{Topic: "news/a", Stop: true}, &actors.Follow{Topic: "news"},
		&actors.ReadProfile{}, &actors.ReadProfile{Part: actors.PartFollows, Limit: 7, Next: "bmV3cw"}, &actors.Erase{},
		&actors.Explain{ID: actors.NewID()}, &actors.Explain{ID: actors.NewID(), Brief: true}, &actors.Explain{ID: actors.NewID(), Own: true},
		&actors.Recipients{Message: actors.NewID(), After: "128", Limit: 200}, &actors.Recipients{Round: 3, Arm: "short", User: "alice"},
		&actors.JoinList{List: "vip"}, &actors.JoinList{List: "vip", Leave: true}, &actors.ReadProfile{Part: actors.PartLists, Limit: 7},
		&actors.Act{ID: actors.ID{7}, Action: "approve", Reply: "well"},
		&actors.StartCampaign{Plan: &actors.CampaignPlan{Id: id[:], At: 5, Audience: &actors.Audience{All: true}, Arms: []*actors.CampaignArm{{Name: "a", Weight: 1, Message: m}}}},
		&actors.Retract{ID: id, Brief: true}, &actors.SteerCampaign{To: actors.RetractCampaign, By: "key:a"}, &actors.ReadCampaign{}, &actors.ReadCampaign{User: "alice"},
	}
}

// TestFrames sends each kind of message to another node and reads it there.
func TestFrames(t *testing.T) {
	all := append(crossings(), crossings2()...)
	key := actors.UserKey("shop", "alice")
	all = append(all, // older programs pass over the spans and sights
		crossing{nil, &actors.Reached{Key: key, Sight: actors.SightHidden}},
		crossing{nil, &actors.Reached{Key: key, Upto: 1, Casts: actors.Span{After: 3, Upto: 5}}},
		crossing{nil, &actors.Detach{Gate: actor.NewPID("a", "$7"), Key: key, Conn: 9, Casts: actors.Span{After: 5, Upto: 6}}})
	for _, c := range all {
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
		if to := got.PID; c.to != nil && to != c.to.Id || c.to == nil && got.Key != actors.UserKey("shop", "alice") {
			t.Errorf("%T: goes to %q, %q", c.m, to, got.Key)
		}
	}
	// One that a node passes on names whose gateway it is about.
	f, err := EncodeFrame(&actors.Detach{Gate: actor.NewPID("c", "$1"), Key: actors.UserKey("shop", "alice")}, nil, "a")
	if err != nil {
		t.Fatal(err)
	}
	if got, err := DecodeFrame(f, byName("a")); err != nil || got.Message.(*actors.Detach).Gate.Address != "c" {
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
	for i, c := range slices.Concat(commands(), commands2(), others()) {
		r := actors.NewRequest(actors.UserKey("shop", "alice"), c)
		if i%2 == 0 {
			r.Once = actors.CallersOnce("caller", "key", []byte("body"))
		}
		f, err := EncodeRequest(uint64(i), r)
		if err != nil {
			t.Fatalf("%T: %v", c, err)
		}
		got, err := DecodeFrame(f, byName("a"))
		if err != nil {
			t.Fatalf("%T: %v", c, err)
		}
		q := got.Message.(*actors.Request)
		if got.ID != uint64(i) || q.Key != r.Key || q.Once != r.Once || !same(q.Command, c) {
			t.Errorf("got %d %+v, want %d %+v", got.ID, q, i, r)
		}
	}
	for _, a := range []actors.Answer{
		{},
		{ID: actors.ID{1}, Rev: 3, Outcome: actors.Filtered, Reason: "rule", Replayed: true, Cursor: actors.Cursor{Lineage: 1, Seq: 2, Pos: 3}, Counts: []byte(`{}`), Unknown: []actors.ID{{5}}, Body: []byte("x"), More: true},
		{Err: &actors.Error{Code: actors.TooMany, Detail: "slowly", Field: "f", RetryAfter: 1500e6}},
		{Session: &actors.SessionState{Client: "phone", Epoch: 7, Open: true}, Epoch: 7, N: 2, Messages: []*actors.TopicMessage{{Topic: "a"}, nil}},
	} {
		f, err := EncodeAnswer(7, &a)
		if err != nil {
			t.Fatal(err)
		}
		reply, err := DecodeReply(f.Body)
		if err != nil {
			t.Fatal(err)
		}
		var got actors.Answer
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

func framesOfVersion(t *testing.T, crossings []crossing, commands []actors.Command) {
	var b bytes.Buffer
	for _, c := range crossings {
		f, err := EncodeFrame(c.m, c.to, "a")
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&b, "%d %s # %T\n", f.Type, hex.EncodeToString(f.Body), c.m)
	}
	for i, c := range commands {
		f, err := EncodeRequest(uint64(i), actors.NewRequest(actors.UserKey("shop", "alice"), c))
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
	if err != nil || c.Message.(*actors.Request).Command != nil || c.ID != 4 {
		t.Errorf("got %+v, %v, want a request without a command", c, err)
	}
	for name, f := range map[string]*Frame{
		"type":   {Type: 999},
		"key":    {Type: FrameType_FRAME_GONE},
		"send":   {Type: FrameType_FRAME_REACHED, Body: append([]byte{10, 5}, "sa/bc"...)},
		"end":    {Type: FrameType_FRAME_KICK, Body: append(append([]byte{10, 5}, "ua/bc"...), 80, 99)},
		"part":   {Type: FrameType_FRAME_REQUEST, Body: append(append([]byte{18, 5}, "ua/bc"...), 0xc2, 1, 2, 8, 9)},
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
	for i, c := range slices.Concat(commands(), commands2(), others()) {
		w, err := EncodeRequest(uint64(i), actors.NewRequest("ua/b", c))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(int32(w.Type), w.Body)
	}
	f.Add(int32(FrameType_FRAME_ANSWER), []byte{8, 1})
	f.Fuzz(func(t *testing.T, kind int32, body []byte) {
		if FrameType(kind) == FrameType_FRAME_ANSWER {
			if r, err := DecodeReply(body); err == nil {
				r.Fill(&actors.Answer{})
			}
			return
		}
		c, err := DecodeFrame(&Frame{Type: FrameType(kind), Body: body}, byName("a"))
		if err != nil {
			return
		}
		if r, ok := c.Message.(*actors.Request); ok {
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

// A program that does not know of tenants finds no command in what concerns one.
func TestTenantsAreNotForOlderPrograms(t *testing.T) {
	id := actors.ID{1}
	m := &actors.Message{Id: id[:], Category: "order", Tenant: "acme"}
	for _, c := range []actors.Command{&actors.Publish{Message: m}, &actors.StartSend{Message: m}, &actors.Mark{To: actors.MarkRead, Tenant: "acme"}, &actors.List{Tenant: "acme"}, &actors.Counts{Tenant: "acme"}, &actors.DryRun{Of: &actors.Publish{Message: m}}} {
		f, err := EncodeRequest(1, actors.NewRequest(actors.UserKey("shop", "alice"), c))
		if err != nil {
			t.Fatal(err)
		}
		var w WireRequest
		if err := w.UnmarshalVT(f.Body); err != nil {
			t.Fatal(err)
		}
		if w.Other = nil; w.Command != WireCommand_COMMAND_NONE {
			t.Errorf("%T: an older program would do %v for all tenants", c, w.Command)
		}
		if got, err := w.decodeCommand(nil); got != nil || err != nil {
			t.Errorf("%T: an older program reads %v, %v", c, got, err)
		}
	}
}
