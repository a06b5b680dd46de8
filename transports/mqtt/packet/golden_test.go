package packet

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"
)

// TestGolden decodes the packets in testdata, and encodes the text that stands
// below them. To take in a wanted change:
// go test ./transports/mqtt/packet -run '^TestGolden$' -rewrite, then read the diff.
func TestGolden(t *testing.T) {
	datadriven.Walk(t, "testdata", func(t *testing.T, path string) {
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			return golden(t, goldenVersion(t, d), wire(t, d.Input))
		})
	})
}

func goldenVersion(t *testing.T, d *datadriven.TestData) Version {
	t.Helper()
	switch d.Cmd {
	case "mqtt311":
		return V311
	case "mqtt5":
		return V5
	}
	d.Fatalf(t, "%s is no version", d.Cmd)
	return 0
}

// golden returns the text of a frame, or why it is refused.
func golden(t *testing.T, v Version, b []byte) string {
	t.Helper()
	frame, rest, err := Split(b, MaxSize)
	if err == nil && (len(rest) > 0 || frame == nil) {
		t.Fatalf("% x is not one frame", b)
	}
	var p Packet
	if err == nil {
		p, err = Decode(frame, v)
	}
	if err != nil {
		return refusal(t, err)
	}
	text := dump(p)
	encoded := parse(t, text).Append(nil, v)
	if bytes.Equal(encoded, b) {
		return text
	}
	return text + fmt.Sprintf("encodes as: % x\n", encoded)
}

// refusal returns the text of an error.
func refusal(t *testing.T, err error) string {
	t.Helper()
	e := answerable(t, err)
	text := e.Error() + "\n"
	if e.Version != 0 {
		text += "answer in " + e.Version.String() + "\n"
	}
	return text
}

// answerable returns the *Error that an error must be. The packet that answers
// must have the reason: CONNACK for a CONNECT, and otherwise DISCONNECT.
func answerable(t *testing.T, err error) *Error {
	t.Helper()
	e := fault(t, err)
	answer := TypeDisconnect
	if e.Version != 0 {
		answer = TypeConnack
	}
	if !e.Reason.In(answer) {
		t.Errorf("%v: %s does not have the reason", err, answer)
	}
	return e
}

// wire reads bytes as hex and quoted text.
func wire(t testing.TB, s string) []byte {
	t.Helper()
	var b []byte
	for s = strings.TrimSpace(s); s != ""; s = strings.TrimSpace(s) {
		var part []byte
		token, err := strconv.QuotedPrefix(s)
		if err == nil {
			part = []byte(unquote(t, token))
		} else {
			token = strings.Fields(s)[0]
			if part, err = hex.DecodeString(token); err != nil {
				t.Fatalf("%q: %v", token, err)
			}
		}
		b = append(b, part...)
		s = s[len(token):]
	}
	return b
}

func unquote(t testing.TB, s string) string {
	t.Helper()
	u, err := strconv.Unquote(s)
	if err != nil {
		t.Fatalf("%s: %v", s, err)
	}
	return u
}
