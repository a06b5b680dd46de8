package mqtt

import (
	"bytes"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/eclipse/paho.mqtt.golang/packets"
)

// TestMQTTPackets has what the generator writes read by a client library's codec.
func TestMQTTPackets(t *testing.T) {
	long := strings.Repeat("x", 200)
	for _, x := range []struct {
		raw  []byte
		want string
	}{
		{AppendConnect(nil, "c", "alice", "secret", 60, false), "CONNECT MQTT 4 c clean true keep alive 60 alice secret"},
		{AppendConnect(nil, "c", "", "", 1, true), "CONNECT MQTT 4 c clean false keep alive 1  "},
		{AppendSubscribe(nil, 7, []byte("a/b"), 1), "SUBSCRIBE 7 [a/b] [1]"},
		{AppendPublish(nil, []byte("a/b"), []byte("x"), 0, 0), "PUBLISH 0 a/b 0 x"},
		{AppendPublish(nil, []byte("a/b"), []byte(long), 1, 9), "PUBLISH 9 a/b 1 " + long},
		{AppendPuback(nil, 9), "PUBACK 9"},
	} {
		r := bytes.NewReader(x.raw)
		p, err := packets.ReadPacket(r)
		if err != nil || r.Len() > 0 {
			t.Fatalf("%x: got %v, %d bytes left", x.raw, err, r.Len())
		}
		got := ""
		switch p := p.(type) {
		case *packets.ConnectPacket:
			got = fmt.Sprint("CONNECT ", p.ProtocolName, " ", p.ProtocolVersion, " ", p.ClientIdentifier, " clean ", p.CleanSession,
				" keep alive ", p.Keepalive, " ", p.Username, " ", string(p.Password))
		case *packets.SubscribePacket:
			got = fmt.Sprint("SUBSCRIBE ", p.MessageID, " ", p.Topics, " [", p.Qoss[0], "]")
		case *packets.PublishPacket:
			got = fmt.Sprint("PUBLISH ", p.MessageID, " ", p.TopicName, " ", p.Qos, " ", string(p.Payload))
		case *packets.PubackPacket:
			got = fmt.Sprint("PUBACK ", p.MessageID)
		}
		if got != x.want {
			t.Errorf("got  %s\nwant %s", got, x.want)
		}
	}
}

func TestParsePublish(t *testing.T) {
	raw := AppendPublish(nil, []byte("a/b"), []byte("x"), 1, 9)
	p, err := ParsePublish(raw[0]|8, raw[2:])
	if err != nil || string(p.Topic) != "a/b" || string(p.Payload) != "x" || p.ID != 9 || !p.again {
		t.Errorf("got %+v, %v", p, err)
	}
	for _, bad := range []struct {
		first byte
		body  string
	}{{0x30, "\x00"}, {0x30, "\x00\x02a"}, {0x32, "\x00\x01a\x00"}, {0x32, "\x00\x01a\x00\x00"}, {0x34, "\x00\x01a\x00\x01"}} {
		if _, err := ParsePublish(bad.first, []byte(bad.body)); err == nil {
			t.Errorf("took %x %q", bad.first, bad.body)
		}
	}
}

// FuzzMQTT: pieces of any size give the same as the whole, and nothing panics.
func FuzzMQTT(f *testing.F) {
	f.Add(AppendPublish([]byte{Connack << 4, 2, 0, 0}, []byte("a/b"), bytes.Repeat([]byte("x"), 200), 1, 9), uint8(3))
	f.Add([]byte{Suback << 4, 3, 0, 1, 0x80, Pingresp << 4, 0}, uint8(1))
	f.Add([]byte{0x30, 0xff, 0xff, 0xff, 0xff, 1}, uint8(2))
	f.Fuzz(func(t *testing.T, b []byte, size uint8) {
		feed := func(step int) (packets []string, err error) {
			var m Framer
			for rest := b; len(rest) > 0 && err == nil; rest = rest[min(step, len(rest)):] {
				err = m.Feed(rest[:min(step, len(rest))], func(first byte, body []byte) error {
					p, err := ParsePublish(first, body)
					packets = append(packets, fmt.Sprintf("%x %x %+v %v %v %v", first, body, p, err, ParseConnack(body), ParseSuback(body)))
					return nil
				})
			}
			return packets, err
		}
		whole, err1 := feed(len(b) + 1)
		pieces, err2 := feed(int(size) + 1)
		if (err1 == nil) != (err2 == nil) || !reflect.DeepEqual(whole, pieces) {
			t.Fatalf("whole %q %v, in pieces %q %v", whole, err1, pieces, err2)
		}
	})
}
