package app

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/coder/websocket"

	"reddot/actors"
	"reddot/transports/mqtt/packet"
)

// marksRead are bodies of a command that marks messages as read, which all
// transports have, and why one is refused.
var marksRead = map[string]struct {
	body  string
	code  actors.Code // empty: it is taken
	field string
}{
	"all":             {body: `{"all":true}`},
	"white space":     {body: " {\t\"all\" :\r\n true } "},
	"escaped name":    {body: `{"\u0061ll":true,"category":"a\u002eb"}`},
	"ids":             {body: `{"ids":["01980e2b-6b3c-7c1e-a4b0-0123456789ab"]}`},
	"1,000 ids":       {body: `{"ids":["01980e2b-6b3c-7c1e-a4b0-0123456789ab"` + strings.Repeat(`,"01980e2b-6b3c-7c1e-a4b0-0123456789ab"`, 999) + `]}`},
	"category":        {body: `{"all":true,"category":"order.paid"}`},
	"category at end": {body: `{"all":true,"category":"` + strings.Repeat("x", 64) + `"}`},

	"doubled":               {`{"all":true,"all":true}`, actors.Invalid, "all"},
	"doubled by an escape":  {`{"all":true,"al\u006c":true}`, actors.Invalid, "all"},
	"doubled and two":       {`{"category":"a","all":true,"category":"b"}`, actors.Invalid, "category"},
	"bad escape":            {`{"all":true,"category":"\x41"}`, actors.Invalid, ""},
	"cut escape":            {`{"all":true,"category":"\u00"}`, actors.Invalid, ""},
	"lone surrogate":        {`{"all":true,"category":"\ud800"}`, actors.Invalid, ""},
	"low surrogate first":   {`{"all":true,"category":"\udc00\ud800"}`, actors.Invalid, ""},
	"raw control character": {"{\"all\":true,\"category\":\"a\x01\"}", actors.Invalid, ""},
	"raw line feed":         {"{\"all\":true,\"category\":\"a\n\"}", actors.Invalid, ""},
	"bad UTF-8":             {"{\"all\":true,\"category\":\"\xff\"}", actors.Invalid, ""},
	"bad UTF-8 in a name":   {"{\"all\":true,\"\xc0\xaf\":1}", actors.Invalid, ""},
	"leading zero":          {`{"all":01}`, actors.Invalid, ""},
	"a plus":                {`{"all":+1}`, actors.Invalid, ""},
	"a cut number":          {`{"all":1.}`, actors.Invalid, ""},
	"NaN":                   {`{"all":NaN}`, actors.Invalid, ""},
	"a cut word":            {`{"all":tru}`, actors.Invalid, ""},
	"a comma at the end":    {`{"all":true,}`, actors.Invalid, ""},
	"no comma":              {`{"all":true "category":"a"}`, actors.Invalid, ""},
	"a comment":             {`{"all":true/**/}`, actors.Invalid, ""},
	"a tail":                {`{"all":true}x`, actors.Invalid, ""},
	"two objects":           {`{"all":true}{}`, actors.Invalid, ""},
	"cut":                   {`{"all":true`, actors.Invalid, ""},
	"too deep":              {`{"all":` + strings.Repeat("[", 65) + strings.Repeat("]", 65) + `}`, actors.Invalid, ""},

	"nothing":               {`{}`, actors.Invalid, "ids"},
	"two targets":           {`{"all":true,"up_to":"AQAAAAAAAAAHAQA"}`, actors.Invalid, "ids"},
	"unknown":               {`{"all":true,"color":"red"}`, actors.Invalid, "color"},
	"unknown without name":  {`{"all":true,"":1}`, actors.Invalid, ""},
	"not its field":         {`{"all":true,"until":"2099-01-01T00:00:00Z"}`, actors.Invalid, "until"},
	"all is false":          {`{"all":false}`, actors.Invalid, "all"},
	"all is a number":       {`{"all":1}`, actors.Invalid, "all"},
	"all is null":           {`{"all":null}`, actors.Invalid, "all"},
	"ids is empty":          {`{"ids":[]}`, actors.Invalid, "ids"},
	"ids is a string":       {`{"ids":"01980e2b-6b3c-7c1e-a4b0-0123456789ab"}`, actors.Invalid, "ids"},
	"an id is a number":     {`{"ids":[7]}`, actors.Invalid, "ids"},
	"an id is none":         {`{"ids":["x"]}`, actors.Invalid, "ids"},
	"1,001 ids":             {`{"ids":["01980e2b-6b3c-7c1e-a4b0-0123456789ab"` + strings.Repeat(`,"01980e2b-6b3c-7c1e-a4b0-0123456789ab"`, 1000) + `]}`, actors.Invalid, "ids"},
	"up_to is none":         {`{"up_to":"x"}`, actors.Invalid, "up_to"},
	"up_to is empty":        {`{"up_to":""}`, actors.Invalid, "up_to"},
	"up_to is long":         {`{"up_to":"` + strings.Repeat("A", 65) + `"}`, actors.TooLarge, "up_to"},
	"category is empty":     {`{"all":true,"category":""}`, actors.Invalid, "category"},
	"category has a space":  {`{"all":true,"category":"a b"}`, actors.Invalid, "category"},
	"category is long":      {`{"all":true,"category":"` + strings.Repeat("x", 65) + `"}`, actors.TooLarge, "category"},
	"category is an object": {`{"all":true,"category":{}}`, actors.Invalid, "category"},
}

// TestEveryWayReadsTheSameJSON sends good and bad bodies by each transport: what
// one refuses, all refuse, and for the same reason.
func TestEveryWayReadsTheSameJSON(t *testing.T) {
	cfg := testConfig(t)
	cfg.MQTT.Listen = "127.0.0.1:0"
	a, _ := start(t, cfg)
	ws := dialFrames(t, a.URL()+"/v1/users/alice/ws")
	conn := dialMQTT(t, a.MQTTAddr(), "alice", "")
	over := dialMQTTOver(t, a.URL(), "alice")
	for _, c := range []*packetClient{conn, over} {
		if ack, ok := c.next(t).(*packet.Connack); !ok || ack.Reason != packet.Success {
			t.Fatalf("got %+v", ack)
		}
	}
	for name, tt := range marksRead {
		t.Run(name, func(t *testing.T) {
			status, answer := call(t, "POST", a.URL()+"/v1/users/alice/read", "", tt.body)
			var problem struct{ Code, Field, Detail string }
			if err := json.Unmarshal([]byte(answer), &problem); err != nil {
				t.Fatal(err)
			}
			if (status == http.StatusOK) != (tt.code == "") || problem.Code != string(tt.code) || problem.Field != tt.field {
				t.Errorf("HTTP: got %d %s", status, answer)
			}
			if !utf8.ValidString(tt.body) { // RFC 6455 section 8.1
				ws := dialFrames(t, a.URL()+"/v1/users/alice/ws")
				ws.write(t, `{"type":"read",`+tt.body[1:])
				ws.wantClose(t, websocket.StatusInvalidFramePayloadData)
			} else if got := ws.ask(t, strings.Replace(strings.Replace(tt.body, "{", `{"type":"read",`, 1), ",}", "}", strings.Count(tt.body, "{}"))); got.Code != string(tt.code) || got.Field != tt.field {
				t.Errorf("WebSocket: got %+v", got)
			}
			want := map[actors.Code]packet.Reason{actors.Invalid: packet.PayloadFormatInvalid, actors.TooLarge: packet.QuotaExceeded}[tt.code]
			if got := conn.publish(t, "users/me/read", tt.body); got != want || conn.why != problem.Detail {
				t.Errorf("MQTT: got %v %q, want %v %q", got, conn.why, want, problem.Detail)
			}
			if got := over.publish(t, "users/alice/read", tt.body); got != want || over.why != problem.Detail {
				t.Errorf("MQTT over WebSocket: got %v %q, want %v %q", got, over.why, want, problem.Detail)
			}
		})
	}
}

// TestEveryFrameIsChecked sends the frames that WebSockets have alone, and the
// snooze that they share with HTTP.
func TestEveryFrameIsChecked(t *testing.T) {
	cfg := testConfig(t)
	a, _ := start(t, cfg)
	ws := dialFrames(t, a.URL()+"/v1/users/alice/ws")
	const id = "01980e2b-6b3c-7c1e-a4b0-0123456789ab"
	status, answer := call(t, "POST", a.URL()+"/v1/users/alice/messages/"+id+"/snooze", "", `{"until":"2020-01-01T00:00:00Z"}`)
	if status != http.StatusBadRequest || !strings.Contains(answer, `"field":"until"`) {
		t.Errorf("got %d %s", status, answer)
	}
	for frame, field := range map[string]string{
		`{"type":"snooze","ids":["` + id + `"],"until":"2020-01-01T00:00:00Z"}`: "until",
		`{"type":"ping","type":"ping"}`:                                         "type",
		`{"type":"ping","all":true}`:                                            "all",
		`{"type":"publish","topic":"a","topic":"b","payload":""}`:               "topic",
		`{"type":"publish","topic":"a","payload":"","payload":""}`:              "payload",
		`{"type":"publish","topic":"a","payload":"\ud800"}`:                     "",
		`{"type":"publish","topic":"a","payload":{"n":01}}`:                     "",
		`{"type":"publish","topic":"a","payload_base64":"/wB="}`:                "payload_base64",
		`{"type":"subscribe","topic":"a","topics":["b"],"topics":["c"]}`:        "topics",
		`{"type":"visible","visible":1}`:                                        "visible",
		`{"type":"ack","cursor":""}`:                                            "cursor",
	} {
		if got := ws.ask(t, frame); got.Code != string(actors.Invalid) || got.Field != field {
			t.Errorf("%s: got %+v", frame, got)
		}
	}
}

// A frameClient is a client of a WebSocket, frame by frame.
type frameClient struct{ conn *websocket.Conn }

func dialFrames(t *testing.T, url string, header ...string) *frameClient {
	t.Helper()
	h := http.Header{}
	for i := 0; i < len(header); i += 2 {
		h.Set(header[i], header[i+1])
	}
	c, _, err := websocket.Dial(t.Context(), strings.Replace(url, "http", "ws", 1), &websocket.DialOptions{HTTPHeader: h})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.CloseNow() })
	c.SetReadLimit(1 << 20)
	return &frameClient{c}
}

// A frameAnswer is what comes back for a frame.
type frameAnswer struct {
	Type, Code, Field string
	RetryAfter        int `json:"retry_after"`
}

func (c *frameClient) write(t *testing.T, frame string) {
	t.Helper()
	if err := c.conn.Write(t.Context(), websocket.MessageText, []byte(frame)); err != nil {
		t.Fatal(err)
	}
}

// wantClose reads until the server closes, and compares the code.
func (c *frameClient) wantClose(t *testing.T, code websocket.StatusCode) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for {
		if _, _, err := c.conn.Read(ctx); err != nil {
			if got := websocket.CloseStatus(err); got != code {
				t.Errorf("got %v, want %v", err, code)
			}
			return
		}
	}
}

// ask sends a frame and returns its answer.
func (c *frameClient) ask(t *testing.T, frame string) frameAnswer {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	c.write(t, frame)
	for {
		_, text, err := c.conn.Read(ctx)
		if err != nil {
			t.Fatal(err)
		}
		var got frameAnswer
		if err := json.Unmarshal(text, &got); err != nil {
			t.Fatal(err)
		}
		if got.Type == "ok" || got.Type == "error" {
			return got
		}
	}
}

// dialMQTTOver is dialMQTT by a WebSocket.
func dialMQTTOver(t *testing.T, base, user string) *packetClient {
	t.Helper()
	ws, _, err := websocket.Dial(t.Context(), strings.Replace(base, "http", "ws", 1)+"/mqtt", &websocket.DialOptions{Subprotocols: []string{"mqtt"}})
	if err != nil {
		t.Fatal(err)
	}
	c := &packetClient{version: packet.V5, conn: websocket.NetConn(context.Background(), ws, websocket.MessageBinary)}
	t.Cleanup(func() { _ = c.conn.Close() })
	c.send(t, &packet.Connect{Version: packet.V5, CleanStart: true, KeepAlive: 30, Username: []byte(user)})
	return c
}

// publish sends a message with QoS 1 and returns how it was taken.
func (c *packetClient) publish(t *testing.T, topic, payload string) packet.Reason {
	t.Helper()
	c.id++
	c.send(t, &packet.Publish{QoS: packet.AtLeastOnce, ID: c.id, Topic: []byte(topic), Payload: []byte(payload)})
	ack, ok := c.next(t).(*packet.Puback)
	if !ok || ack.ID != c.id {
		t.Fatalf("got %+v", ack)
	}
	c.why = string(ack.Properties.Bytes(packet.ReasonString))
	return ack.Reason
}
