package words

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"reddot/actors"
	"reddot/actors/actorstest"
	"reddot/actors/keywords"
	"reddot/actors/screening"
	"reddot/transports/jsontext"
)

// screen makes a Screen of one list "l".
func screen(t testing.TB, words map[string]keywords.Action) *screening.Screen {
	t.Helper()
	j := actorstest.NewJournal()
	t.Cleanup(j.Close)
	lists := screening.New(screening.Config{Now: time.Now}, j)
	var edits []screening.Edit
	for text, action := range words {
		w, err := keywords.ParseWord(text)
		if err != nil {
			t.Fatal(err)
		}
		edits = append(edits, screening.Edit{Word: screening.Word{Text: text, Action: action}, Folded: w})
	}
	if _, err := lists.Change(t.Context(), "shop", "l", screening.Change{Words: edits}); err != nil {
		t.Fatal(err)
	}
	return lists.Of("shop")
}

// compact returns data as a draft has it.
func compact(t testing.TB, src string) ([]byte, bool) {
	t.Helper()
	var s jsontext.Scanner
	s.Reset([]byte(src), 64)
	b, ok := s.Value(nil)
	return b, ok && s.End()
}

func TestScreen(t *testing.T) {
	s := screen(t, map[string]keywords.Action{"damn": keywords.Mask, "free money": keywords.Block, "doubt": keywords.Review})
	for _, c := range []struct{ name, title, body, data, want, stop string }{
		{"nothing", "a", "b", `{"c":["d"]}`, `a|b|{"c":["d"]}`, ""},
		{"masks", "Damn!", "a\"damn\"\n", `["damn",{"damn":"damn","x":{"y":"\u0064amn"}},1.5e3]`, "****!|a\"****\"\n|" + `["****",{"damn":"****","x":{"y":"****"}},1.5e3]`, ""},
		{"a string alone", "", "", `"damn"`, `||"****"`, ""},
		{"blocked before reviewed", "no doubt", "such free money", `{}`, "no doubt|such free money|{}", "body: the keyword list l blocks what it says at character 6"},
		{"reviewed", "", "", `{"free money":"in doubt"}`, `||{"free money":"in doubt"}`, "data: the keyword list l wants a review of what it says at character 4"},
	} {
		t.Run(c.name, func(t *testing.T) {
			data, _ := compact(t, c.data)
			title, body := jsontext.NewText(c.title), jsontext.NewText(c.body)
			stop := ""
			if stopped := Screen(s, nil, &title, &body, &data); stopped != nil {
				err := stopped.Refusal()
				stop = err.Detail
				if err.Code != actors.Invalid || !strings.HasPrefix(stop, err.Field+": ") {
					t.Errorf("got %v", err)
				}
			}
			if got := title.String() + "|" + body.String() + "|" + string(data); got != c.want || stop != c.stop {
				t.Errorf("got %s, %s; want %s, %s", got, stop, c.want, c.stop)
			}
		})
	}
}

// FuzzData screens any JSON: names and whatever is no string stay as they are.
func FuzzData(f *testing.F) {
	s := screen(f, map[string]keywords.Action{"a": keywords.Mask, "bc": keywords.Block, "字": keywords.Mask})
	for _, src := range []string{`{}`, `"a"`, `{"a":"a b","b":[1,"ax",null,{"c":"\"a\\"}]}`, `["\u0061","\ud83d\ude00a","字"]`, `[[["a"]]]`, `{"a\":":"a"}`} {
		f.Add(src)
	}
	f.Fuzz(func(t *testing.T, src string) {
		data, ok := compact(t, src)
		if !ok {
			return
		}
		before := string(data)
		fromData := data
		Screen(s, nil, &jsontext.Text{}, &jsontext.Text{}, &data)
		if string(fromData) != before {
			t.Fatalf("%s: the source was changed to %s", before, fromData)
		}
		if jsontext.Check([]byte(before), 64) != nil {
			return // encoding/json would join members of one name
		}
		var old, fresh any
		if err := json.Unmarshal(fromData, &old); err != nil {
			return // a number that Go has no room for
		}
		if err := json.Unmarshal(data, &fresh); err != nil {
			t.Fatalf("%s: %s is no JSON: %v", before, data, err)
		}
		if want := masked(s, old); !reflect.DeepEqual(fresh, want) {
			t.Errorf("%s: got %s", before, data)
		}
	})
}

// masked does the same to a tree.
func masked(s *screening.Screen, v any) any {
	switch v := v.(type) {
	case string:
		text := s.Check(v).Text
		if utf8.RuneCountInString(text) != utf8.RuneCountInString(v) {
			return nil
		}
		return text
	case []any:
		for i := range v {
			v[i] = masked(s, v[i])
		}
	case map[string]any:
		for k := range v {
			v[k] = masked(s, v[k])
		}
	}
	return v
}
