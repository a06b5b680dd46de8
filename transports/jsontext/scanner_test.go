package jsontext

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"unicode/utf8"
)

// deep is how deep values nest in these tests.
const deep = 8

func TestCheck(t *testing.T) {
	for name, tt := range map[string]struct {
		text  string
		good  bool
		twice bool
	}{
		"object":              {text: ` {"a":1,"b":{"a":[-0.5e+7,"\ud83d\ude00"]}} `, good: true},
		"a name twice":        {text: `{"a":1,"b":2,"a":3}`, twice: true},
		"by an escape":        {text: `{"a":1,"\u0061":3}`, twice: true},
		"within":              {text: `[{"a":{"b":1,"b":2}}]`, twice: true},
		"in two objects":      {text: `[{"a":1},{"a":1}]`, good: true},
		"by the case":         {text: `{"a":1,"A":1}`, good: true},
		"leading zero":        {text: `01`},
		"lone surrogate":      {text: `"\ud800"`},
		"bad escape":          {text: `"\x41"`},
		"control character":   {text: "\"\t\""},
		"UTF-8":               {text: "\"\xff\""},
		"deepest":             {text: strings.Repeat("[", deep) + strings.Repeat("]", deep), good: true},
		"too deep":            {text: strings.Repeat("[", deep+1) + strings.Repeat("]", deep+1)},
		"two values":          {text: `{}{}`},
		"nothing":             {text: ` `},
		"a word and its tail": {text: `nullx`},
	} {
		t.Run(name, func(t *testing.T) {
			err := Check([]byte(tt.text), deep)
			if (err == nil) != tt.good || errors.Is(err, ErrTwice) != tt.twice {
				t.Errorf("got %v", err)
			}
		})
	}
}

// FuzzValue holds that what is read is JSON for encoding/json too, and UTF-8, and
// that only white space is left out.
func FuzzValue(f *testing.F) {
	for _, s := range []string{` {"a" : [ 1 , "b \" c" ] }`, `"\u00e9\\"`, `[-0.1e5,true,null]`, `{"a":1,"a":2}`, `01`, `"\ud800"`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		var s Scanner
		s.Reset(text, deep)
		got, ok := s.Value(nil)
		if !ok || !s.End() {
			if Check(text, deep) == nil {
				t.Error("Check takes what Value refuses")
			}
			return
		}
		var want bytes.Buffer
		if err := json.Compact(&want, text); err != nil || !bytes.Equal(got, want.Bytes()) || !utf8.Valid(got) {
			t.Errorf("got %q, want %q (%v)", got, want.Bytes(), err)
		}
		s.Seek(0)
		if s.Peek() == '"' {
			var want string
			if text, _ := s.Text(); json.Unmarshal(got, &want) != nil || text.String() != want || text.Size != len(want) || !text.Is(want) {
				t.Errorf("got %q of %d bytes, want %q", text.String(), text.Size, want)
			}
		}
	})
}
