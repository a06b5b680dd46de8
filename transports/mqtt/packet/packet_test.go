package packet

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"
)

// TestReasonTable: each reason code is allowed where the tables of chapter 3 say.
func TestReasonTable(t *testing.T) {
	receipts := "00 10 80 83 87 90 91 97 99"
	tables := map[Type]string{
		TypeConnack: "00 80 81 82 83 84 85 86 87 88 89 8a 8c 90 95 97 99 9a 9b 9c 9d 9f",
		TypePuback:  receipts, TypePubrec: receipts, TypePubrel: "00 92", TypePubcomp: "00 92",
		TypeSuback:   "00 01 02 80 83 87 8f 91 97 9e a1 a2",
		TypeUnsuback: "00 11 80 83 87 8f 91",
		TypeDisconnect: "00 04 80 81 82 83 87 89 8b 8c 8d 8e 8f 90 93 94 95 96 97 98 99 9a 9b 9c 9d 9e 9f" +
			" a0 a1 a2",
		TypeAuth: "00 18 19",
	}
	for in := Type(0); in <= TypeAuth; in++ {
		var got []string
		for r := range 256 {
			if Reason(r).In(in) {
				got = append(got, fmt.Sprintf("%02x", r))
			}
		}
		if s := strings.Join(got, " "); s != tables[in] {
			t.Errorf("%s has %s\nwant %s", in, s, tables[in])
		}
	}
}

// TestReturnCode: 3.1.1 has five refusals, and each decodes to a code that
// encodes to it.
func TestReturnCode(t *testing.T) {
	for code, r := range returnCodes {
		if got := r.ReturnCode(); int(got) != code {
			t.Errorf("%s is %d, want %d", r, got, code)
		}
	}
	for r, want := range map[Reason]byte{
		Banned: 5, BadAuthenticationMethod: 5, ServerBusy: 3, QuotaExceeded: 3, ConnectionRateExceeded: 3, MalformedPacket: 3,
	} {
		if got := r.ReturnCode(); got != want {
			t.Errorf("%s is %d, want %d", r, got, want)
		}
	}
	if !UnspecifiedError.Failed() || ReAuthenticate.Failed() {
		t.Error("failures begin at 0x80")
	}
}

// TestCheck refuses values that no frame can show.
func TestCheck(t *testing.T) {
	for _, c := range []struct {
		name   string
		p      Packet
		v      Version
		reason Reason
	}{
		{"a CONNECT without a version", &Connect{}, V5, UnsupportedProtocolVersion},
		{"a PUBLISH with an identifier and QoS 0", &Publish{ID: 1, Topic: []byte("a")}, V5, ProtocolError},
		{"a PUBLISH with QoS 4", &Publish{QoS: 4, ID: 1, Topic: []byte("a")}, V311, MalformedPacket},
		{"a retain handling of 4", &Subscribe{ID: 1, Subscriptions: []Subscription{{Filter: []byte("a"), RetainHandling: 4}}}, V5, ProtocolError},
		{"a SUBACK without a code", &Suback{ID: 1}, V311, ProtocolError},
		{"a PUBCOMP with another's code", &Pubcomp{ID: 1, Reason: QuotaExceeded}, V5, ProtocolError},
		{"a PUBREC without an identifier", &Pubrec{}, V311, MalformedPacket},
		{"a PUBREL without an identifier", &Pubrel{}, V5, MalformedPacket},
		{"an UNSUBACK without an identifier", &Unsuback{Reasons: []Reason{Success}}, V5, MalformedPacket},
		{"a CONNACK that is none", &Connack{Reason: SessionTakenOver}, V311, ProtocolError},
	} {
		t.Run(c.name, func(t *testing.T) {
			if err := c.p.Check(c.v); err == nil || fault(t, err).Reason != c.reason {
				t.Errorf("got %v, want %s", err, c.reason)
			}
		})
	}
	for _, p := range []Packet{new(Pingreq), new(Pingresp), new(Disconnect)} {
		if err := p.Check(V311); err != nil {
			t.Errorf("%s: %v", p.Type(), err)
		}
	}
}

// TestDropsFor311: what 3.1.1 lacks is left out of its packets.
func TestDropsFor311(t *testing.T) {
	var ps Properties
	ps.AddUser([]byte("k"), []byte("v"))
	for want, p := range map[string]Packet{
		"20020005":   &Connack{Reason: Banned, Properties: ps},
		"3003000161": &Publish{Topic: []byte("a"), Properties: ps},
		"40020001":   &Puback{ID: 1, Reason: QuotaExceeded, Properties: ps},
		"8206000100016101": &Subscribe{ID: 1, Properties: ps, Subscriptions: []Subscription{
			{Filter: []byte("a"), QoS: 1, NoLocal: true, RetainAsPublished: true, RetainHandling: NoRetained}}},
		"900400010180": &Suback{ID: 1, Properties: ps, Reasons: []Reason{GrantedQoS1, NotAuthorized}},
		"b0020001":     &Unsuback{ID: 1, Properties: ps, Reasons: []Reason{NoSubscriptionExisted}},
		"e000":         &Disconnect{Reason: ServerShuttingDown, Properties: ps},
	} {
		if got := fmt.Sprintf("%x", p.Append(nil, V311)); got != want {
			t.Errorf("%s: got %s, want %s", p.Type(), got, want)
		}
		if err := p.Check(V311); err != nil {
			t.Errorf("%s: %v", p.Type(), err)
		}
	}
}

// TestFit leaves out the User Properties, then the Reason String, and no more.
func TestFit(t *testing.T) {
	fresh := func() *Puback {
		p := &Puback{ID: 1, Reason: QuotaExceeded}
		p.Properties.SetString(ReasonString, "the inbox is full")
		p.Properties.AddUser([]byte("a"), []byte("1"))
		p.Properties.AddUser([]byte("b"), []byte("2"))
		return p
	}
	for _, c := range []struct {
		limit int
		size  int
		fits  bool
	}{{100, 40, true}, {40, 40, true}, {39, 26, true}, {26, 26, true}, {25, 5, true}, {5, 5, true}, {4, 5, false}, {-1, 5, false}} {
		p := fresh()
		fits := Fit(p, V5, c.limit)
		if got := len(p.Append(nil, V5)); fits != c.fits || got != c.size {
			t.Errorf("in %d: got %d bytes, %t; want %d, %t", c.limit, got, fits, c.size, c.fits)
		}
	}
	pub := &Publish{Topic: []byte("a")}
	pub.Properties.AddUser([]byte("a"), []byte("1"))
	if Fit(pub, V5, pub.Size(V5)-1) || !pub.Properties.Has(UserProperty) {
		t.Error("a PUBLISH lost a User Property")
	}
}

// TestDiagnostics: every packet that answers may be made smaller.
func TestDiagnostics(t *testing.T) {
	for i := TypeConnect; i <= TypeAuth; i++ {
		if got, want := diagnostics(blank([]byte{byte(i) << 4})) != nil, describe(ReasonString).in.has(i); got != want {
			t.Errorf("%s: got %t, want %t", i, got, want)
		}
	}
}

func TestPasswordHides(t *testing.T) {
	c := &Connect{Version: V5, Password: Password("hunter2")}
	var log strings.Builder
	slog.New(slog.NewJSONHandler(&log, nil)).Info("connect", "password", c.Password, "packet", c)
	text, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	shown := log.String() + string(text)
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d"} {
		shown += fmt.Sprintf(verb+verb, c, c.Password)
	}
	for _, secret := range []string{"hunter2", "68756e74657232", "68756E74657232", "aHVudGVyMg", "104 117", "0x68, 0x75"} {
		if strings.Contains(shown, secret) {
			t.Errorf("%q is shown: %s", secret, shown)
		}
	}
}

func TestNames(t *testing.T) {
	for got, want := range map[string]string{
		TypePublish.String():      "PUBLISH",
		Type(16).String():         "type 16",
		V5.String():               "MQTT 5.0",
		V311.String():             "MQTT 3.1.1",
		Version(3).String():       "protocol version 3",
		SessionTakenOver.String(): "session taken over",
		Reason(0x05).String():     "reason code 0x05",
		UserProperty.String():     "User Property",
		PropertyID(4).String():    "property 0x04",
	} {
		if got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
