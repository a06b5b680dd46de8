package ws

import (
	"strings"
	"testing"
)

// What is agreed on for what a client offers (RFC 7692 sections 5 and 7.1).
func TestAgreeOnDeflate(t *testing.T) {
	const plain = "permessage-deflate; server_no_context_takeover; client_no_context_takeover"
	const narrow = plain + "; server_max_window_bits=12"
	for _, test := range []struct{ offer, want string }{
		{"", ""},
		{"permessage-deflate", plain},
		{"permessage-deflate; client_max_window_bits", plain}, // Chromium, npm ws
		{"permessage-deflate; client_no_context_takeover; server_no_context_takeover", plain},
		{"permessage-deflate; server_max_window_bits=12; client_max_window_bits=12", narrow}, // python3-websockets
		{"permessage-deflate; server_max_window_bits=15", narrow},
		{`permessage-deflate; server_max_window_bits="13"`, narrow}, // section 5.1: a token may be quoted
		{`permessage-deflate;server_max_window_bits="1\3"`, narrow},
		{" permessage-deflate\t;\tclient_max_window_bits = 10 ,", plain},
		{"permessage-deflate; client_max_window_bits=8", plain},
		// Windows that we cannot keep to: what is offered as second best counts.
		{"permessage-deflate; server_max_window_bits=8", ""},
		{"permessage-deflate; server_max_window_bits=11", ""},
		{"permessage-deflate; server_max_window_bits=9, permessage-deflate", plain},
		{"permessage-deflate; server_max_window_bits=9, permessage-deflate; server_max_window_bits=14", narrow},
		// Invalid offers are declined (section 7.1).
		{"permessage-deflate; server_max_window_bits", ""},
		{"permessage-deflate; server_max_window_bits=16", ""},
		{"permessage-deflate; server_max_window_bits=7", ""},
		{"permessage-deflate; server_max_window_bits=012", ""},
		{"permessage-deflate; server_max_window_bits=+12", ""},
		{"permessage-deflate; client_max_window_bits=16", ""},
		{"permessage-deflate; client_max_window_bits=x", ""},
		{"permessage-deflate; server_no_context_takeover=1", ""},
		{"permessage-deflate; client_no_context_takeover=true", ""},
		{"permessage-deflate; client_no_context_takeover; client_no_context_takeover", ""},
		{"permessage-deflate; what", ""},
		{"permessage-deflate; what=1, permessage-deflate", plain},
		// Others.
		{"x-webkit-deflate-frame", ""},
		{"Permessage-Deflate", ""},
		{"permessage-bzip2, mux; max-channels=4; flow-control, permessage-deflate", plain},
		{`foo; bar="baz", permessage-deflate`, plain},
		{`foo; bar="q,u", permessage-deflate`, "malformed"}, // the contents must be a token (RFC 6455 section 9.1)
		{"permessage-deflate;", "malformed"},
		{"permessage-deflate; =1", "malformed"},
		{"permessage-deflate; client_max_window_bits=", "malformed"},
		{`permessage-deflate; client_max_window_bits=""`, "malformed"},
		{`permessage-deflate; client_max_window_bits="10`, "malformed"},
		{"permessage-deflate client_max_window_bits", "malformed"},
		{"permessage/deflate", "malformed"},
		{"\x00", "malformed"},
	} {
		got := "malformed"
		if offers, err := parseExtensions([][]byte{[]byte(test.offer)}); err == nil {
			got = agreeOnDeflate(offers)
		}
		if got != test.want {
			t.Errorf("%s:\ngot  %s\nwant %s", test.offer, got, test.want)
		}
	}
	// Several fields are one list, the first of which is preferred.
	offers, err := parseExtensions([][]byte{[]byte("permessage-deflate; server_max_window_bits=13"), []byte("permessage-deflate")})
	if err != nil || agreeOnDeflate(offers) != narrow {
		t.Errorf("of two fields: got %q, %v", agreeOnDeflate(offers), err)
	}
}

// FuzzExtensions checks that reading ends, and that what is agreed on names
// nothing which was neither offered nor ours to ask for.
func FuzzExtensions(f *testing.F) {
	f.Add([]byte(`permessage-deflate; server_max_window_bits="12", x;y=z`))
	f.Add([]byte("permessage-deflate;client_max_window_bits,,"))
	f.Add([]byte(`a;b="\c`))
	f.Fuzz(func(t *testing.T, field []byte) {
		offers, err := parseExtensions([][]byte{field})
		if err != nil {
			return
		}
		answer := agreeOnDeflate(offers)
		if answer != "" && !strings.Contains(string(field), deflateName) {
			t.Errorf("%q: agreed on %q", field, answer)
		}
		if strings.Contains(answer, "server_max") && !strings.Contains(string(field), "server_max_window_bits") {
			t.Errorf("%q: narrows the window, which was not offered: %q", field, answer)
		}
	})
}
