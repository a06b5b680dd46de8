package packet

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

func TestPropertiesSetAndGet(t *testing.T) {
	var p Properties
	p.SetUint(SessionExpiryInterval, 7)
	p.AddUser([]byte("k"), []byte("1"))
	p.SetString(AuthenticationMethod, "SCRAM")
	p.AddUser([]byte("k"), []byte("2"))
	p.SetUint(SessionExpiryInterval, 1<<32-1)
	p.SetBytes(AuthenticationData, []byte("secret"))
	p.SetUint(ReceiveMaximum, 9)

	if got := p.Uint(SessionExpiryInterval); got != 1<<32-1 {
		t.Errorf("got %d", got)
	}
	if got := string(p.Bytes(AuthenticationMethod)); got != "SCRAM" {
		t.Errorf("got %q", got)
	}
	var user []string
	for k, v := range p.User() {
		user = append(user, string(k)+"="+string(v))
	}
	if want := []string{"k=1", "k=2"}; !slices.Equal(user, want) {
		t.Errorf("got %q, want %q", user, want)
	}
	want := `User Property: "k" "1", Authentication Method: "SCRAM", User Property: "k" "2", ` +
		`Session Expiry Interval: 4294967295, Authentication Data: ***, Receive Maximum: 9`
	if got := p.String(); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	p.Delete(UserProperty, ReceiveMaximum, ReasonString)
	if p.Has(UserProperty) || p.Has(ReceiveMaximum) || !p.Has(AuthenticationData) {
		t.Errorf("after Delete: %s", p)
	}
}

// TestPropertiesAbsent: what is not there means what the standard says.
func TestPropertiesAbsent(t *testing.T) {
	var p Properties
	for id, want := range map[PropertyID]uint32{
		ReceiveMaximum: 65_535, MaximumQoS: 2, MaximumPacketSize: MaxSize, RequestProblemInformation: 1, RetainAvailable: 1,
		WildcardSubscription: 1, SubscriptionIDsAvailable: 1, SharedSubscription: 1, TopicAliasMaximum: 0, SessionExpiryInterval: 0,
	} {
		if got := p.Uint(id); got != want || p.Has(id) {
			t.Errorf("%s: got %d, want %d", id, got, want)
		}
	}
	if !p.Empty() || p.Bytes(ContentType) != nil {
		t.Errorf("the zero value is not empty: %s", p)
	}
}

// TestPropertiesShare: changing a copy leaves the frame and the others alone.
func TestPropertiesShare(t *testing.T) {
	frame := []byte("\x30\x10\x00\x01a\x0c\x23\x00\x01\x02\x00\x00\x00\x3c\x26\x00\x00\x00")
	frame = append(frame[:len(frame)-1], 0, 0) // the User Property "" ""
	frame[1] = byte(len(frame) - 2)
	frame[5] = byte(len(frame) - 6)
	before := string(frame)
	var p Publish
	if err := p.Decode(frame, V5); err != nil {
		t.Fatal(err)
	}
	clone := p.Properties.Clone()
	a, b := p.Properties, p.Properties
	a.SetUint(MessageExpiryInterval, 1)
	a.AddSubscriptionID(1)
	b.Delete(TopicAlias)
	b.AddSubscriptionID(2)
	if string(frame) != before || p.Properties.String() != clone.String() {
		t.Errorf("the frame was changed: % x", frame)
	}
	if a.Uint(MessageExpiryInterval) != 1 || b.Uint(MessageExpiryInterval) != 60 || !a.Has(TopicAlias) || b.Has(TopicAlias) {
		t.Errorf("got %s and %s", a, b)
	}
}

// TestPropertiesForward: a writer makes a subscriber's properties of the
// message's without allocating.
func TestPropertiesForward(t *testing.T) {
	var message, own Properties
	message.SetUint(TopicAlias, 3)
	message.SetUint(MessageExpiryInterval, 60)
	message.SetString(ContentType, "text/plain")
	forward := func() {
		own.Reset()
		own.AddFrom(message, TopicAlias, MessageExpiryInterval)
		own.SetUint(MessageExpiryInterval, 59)
		own.AddSubscriptionID(1)
		own.AddSubscriptionID(300)
	}
	forward()
	if got := slices.Collect(own.SubscriptionIDs()); !slices.Equal(got, []uint32{1, 300}) {
		t.Errorf("got %d", got)
	}
	if err := (&Publish{Topic: []byte("a"), Properties: own}).Check(V5); err != nil {
		t.Error(err)
	}
	if n := testing.AllocsPerRun(100, forward); n != 0 {
		t.Errorf("got %v allocations, want 0", n)
	}
}

func TestPropertiesPanic(t *testing.T) {
	long := []byte(strings.Repeat("a", MaxString+1))
	for name, f := range map[string]func(p *Properties){
		"a text as a number":     func(p *Properties) { p.SetUint(ContentType, 1) },
		"a number as a text":     func(p *Properties) { p.SetString(TopicAlias, "1") },
		"an unknown property":    func(p *Properties) { p.SetUint(0x7f, 1) },
		"too much for a byte":    func(p *Properties) { p.SetUint(MaximumQoS, 256) },
		"too much for 2 bytes":   func(p *Properties) { p.SetUint(TopicAlias, 1<<16) },
		"too much for a varint":  func(p *Properties) { p.AddSubscriptionID(maxVarint + 1) },
		"a text that is long":    func(p *Properties) { p.SetBytes(ReasonString, long) },
		"a name that is long":    func(p *Properties) { p.AddUser(long, nil) },
		"reading text as number": func(p *Properties) { p.Uint(ContentType) },
	} {
		mustPanic(t, name, func() { f(new(Properties)) })
	}
}

// TestPropertiesTable: each property is allowed where the table of 2.2.2.2 says.
func TestPropertiesTable(t *testing.T) {
	places := map[PropertyID]string{
		PayloadFormatIndicator: "3 W", MessageExpiryInterval: "3 W", ContentType: "3 W", ResponseTopic: "3 W", CorrelationData: "3 W",
		SubscriptionIdentifier: "3 8", SessionExpiryInterval: "1 2 14", AssignedClientIdentifier: "2", ServerKeepAlive: "2",
		AuthenticationMethod: "1 2 15", AuthenticationData: "1 2 15", RequestProblemInformation: "1", WillDelayInterval: "W",
		RequestResponseInformation: "1", ResponseInformation: "2", ServerReference: "2 14", ReasonString: "2 4 5 6 7 9 11 14 15",
		ReceiveMaximum: "1 2", TopicAliasMaximum: "1 2", TopicAlias: "3", MaximumQoS: "2", RetainAvailable: "2",
		UserProperty: "1 2 3 4 5 6 7 8 9 10 11 14 15 W", MaximumPacketSize: "1 2", WildcardSubscription: "2",
		SubscriptionIDsAvailable: "2", SharedSubscription: "2",
	}
	for i := range 256 {
		id := PropertyID(i)
		var got []string
		if d := describe(id); d != nil {
			for in := Type(1); in <= TypeAuth; in++ {
				if d.in.has(in) {
					got = append(got, fmt.Sprint(byte(in)))
				}
			}
			if d.in&inWill != 0 {
				got = append(got, "W")
			}
		}
		if s := strings.Join(got, " "); s != places[id] {
			t.Errorf("%s is in %q, want %q", id, s, places[id])
		}
	}
}
