package floor

import (
	"bytes"
	"testing"
)

func TestCutRequest(t *testing.T) {
	in := "POST /a HTTP/1.1\r\nContent-Length: 3\r\n\r\nabcGET /b HTTP/1.1\r\n\r\nGET"
	head, body, rest, err := cutRequest([]byte(in))
	if string(head) != "POST /a HTTP/1.1\r\nContent-Length: 3" || string(body) != "abc" || err != nil {
		t.Fatalf("got %q, %q, %v", head, body, err)
	}
	if head, body, rest, err = cutRequest(rest); string(head) != "GET /b HTTP/1.1" || len(body) != 0 || string(rest) != "GET" || err != nil {
		t.Fatalf("got %q, %q, %q, %v", head, body, rest, err)
	}
	if head, _, _, err = cutRequest(rest); head != nil || err != nil {
		t.Fatalf("got %q, %v from a part", head, err)
	}
	if _, _, _, err = cutRequest([]byte("Content-Length: 99999999999999999999\r\n\r\n")); err == nil {
		t.Error("took a length beyond the limit")
	}
}

// FuzzRequest: what is cut off is a part of what came, in order.
func FuzzRequest(f *testing.F) {
	f.Add([]byte("POST / HTTP/1.1\r\nContent-Length: 1\r\n\r\nx"))
	f.Fuzz(func(t *testing.T, b []byte) {
		head, body, rest, err := cutRequest(b)
		if err == nil && head != nil && !bytes.Equal(append(append(append(bytes.Clone(head), headEnd...), body...), rest...), b) {
			t.Fatalf("%q became %q, %q, %q", b, head, body, rest)
		}
	})
}
