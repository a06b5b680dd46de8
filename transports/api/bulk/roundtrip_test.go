package bulk

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode"

	"reddot/actors"
	"reddot/actors/index"
	"reddot/actors/profile"
)

// anyOf makes random values of a profile.
type anyOf struct{ *rand.Rand }

// text returns text that is awkward to write: for JSON, for CSV, or because it looks like
// something else.
func (r anyOf) text(size int) string {
	whole := []string{"2026-01-31T09:30:00Z", "2026-01-31t09:30:00.5+08:00", "0000-01-01T00:00:00Z", "9999-12-31T23:59:59.999999999Z", "2026-02-30T00:00:00Z",
		"1e17", "true", "null", "[1]", `{"a":1}`, "a;b", " ", "", "\ufeff", "-", "=1+1", `"`, `""`, "\r\n"}
	if r.IntN(3) == 0 {
		return whole[r.IntN(len(whole))]
	}
	parts := []string{"a", "Z", "0", ";", ",", `"`, "'", `\`, "/", "\n", "\r", "\t", "\x00", "\x01", "\x7f", "\u0085", "<", "&", "\u2028", "é", "上", "😀", "\ufffd", " "}
	var b strings.Builder
	for n := r.IntN(size); b.Len() < n; {
		b.WriteString(parts[r.IntN(len(parts))])
	}
	return b.String()
}

// name returns a text that most names may have.
func (r anyOf) name(size int) string {
	name := strings.Map(func(c rune) rune {
		if unicode.IsControl(c) {
			return -1
		}
		return c
	}, r.text(size))
	return name + strconv.Itoa(r.IntN(10))
}

// number returns a number as a caller may write it.
func (r anyOf) number() json.Number {
	whole := []string{"0", "-0", "1e17", "-1E+17", "1e21", "1e20", "123456789012345678e3", "9007199254740991", "9007199254740992", "9007199254740993.0", "1e-7", "0.000001",
		"5e-324", "1.7976931348623157e308", "0.1", "100000000000000000000", "-12345678901234567000"}
	switch r.IntN(3) {
	case 0:
		return json.Number(whole[r.IntN(len(whole))])
	case 1:
		return json.Number(strconv.Itoa(r.IntN(1000)))
	}
	f := math.Float64frombits(r.Uint64())
	if math.IsNaN(f) || math.IsInf(f, 0) {
		f = 1.5
	}
	return json.Number(strconv.FormatFloat(f, 'e', -1, 64))
}

func (r anyOf) value() any {
	switch r.IntN(6) {
	case 0:
		return r.number()
	case 1:
		return r.IntN(2) == 0
	case 2:
		list := []json.Number{}
		for range r.IntN(5) {
			list = append(list, r.number())
		}
		return list
	case 3:
		return r.list(5, func() string { return r.text(40) })
	}
	return r.text(200)
}

func (r anyOf) list(most int, one func() string) []string {
	list := []string{}
	for range r.IntN(most) {
		list = append(list, one())
	}
	return list
}

func (r anyOf) one(of ...string) string { return of[r.IntN(len(of))] }

// user returns what is to be known of a user, some of which may be refused.
func (r anyOf) user(name string) map[string]any {
	attributes := map[string]any{}
	for range r.IntN(8) {
		attributes[r.name(12)] = r.value()
	}
	addresses := map[string]any{}
	if r.IntN(2) == 0 {
		addresses["email"] = []map[string]string{{"address": r.name(20)}, {"address": "a@example.com"}}
	}
	if r.IntN(3) == 0 {
		addresses["webpush"] = []any{map[string]any{"endpoint": "https://push.example/" + name, "keys": map[string]string{"p256dh": r.name(9), "auth": "y"}}}
	}
	if r.IntN(3) == 0 {
		addresses["apns"] = []map[string]string{{"token": name, "topic": r.name(9)}}
	}
	u := map[string]any{"user": name, "attributes": attributes, "addresses": addresses, "tags": r.list(4, func() string { return r.name(30) }), "tenants": []string{r.one("acme", "a.b", "-")},
		"follows": []string{r.one("news", "a/b", "/", "x\x01y", "a,b", `q"q`, "😀") + r.text(3)}, "lists": []string{r.one("beta", "a.b", "...")}}
	if r.IntN(2) == 0 {
		u["locale"], u["zone"] = r.one("zh-CN", "de", "en-x-a"), r.one("Asia/Shanghai", "Etc/GMT+3", "UTC")
	}
	if r.IntN(2) == 0 {
		own := map[string]any{"categories": map[string]any{r.one("order", "a:b", "-.-"): map[string]bool{"sms": r.IntN(2) == 0}}, "channels": map[string]bool{"email": true}}
		u["preferences"] = map[string]any{"categories": map[string]any{}, "channels": map[string]bool{"inapp": false}, "tenants": map[string]any{"acme": own},
			"quiet_hours": map[string]any{"from": r.one("00:00", "23:59"), "to": r.one("24:00", "07:30")}, "muted_until": r.one("2026-12-01T00:00:00Z", "1970-01-01T00:00:00.001Z")}
	}
	return u
}

// What an export hands out, an import takes, whatever callers have made known: in both
// formats, merged or not, and then the same is known.
func TestExportIsWhatAnImportTakes(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := anyOf{rand.New(rand.NewPCG(seed, 0))}
	w := newWorld(t)
	w.line = longestLine
	var stream strings.Builder
	const users = 600
	for i := range users {
		line, err := json.Marshal(r.user(fmt.Sprint("u", i)))
		if err != nil {
			t.Fatal(err)
		}
		stream.Write(append(line, '\n'))
	}
	stream.WriteString(largest("large"))
	taken := 0
	for _, line := range w.run(order, strings.NewReader(stream.String())) {
		var p Progress
		if json.Unmarshal([]byte(line), &p) == nil && p.State == Done {
			taken = p.Done
		}
	}
	if taken < users/10 {
		t.Fatalf("%d of %d users are taken: too few to say much", taken, users)
	}
	first := w.export(actors.DefaultApp, NDJSON)
	if !strings.Contains(first, `"user":"large"`) {
		t.Error("the largest user was refused")
	}
	for _, format := range []Format{NDJSON, CSV} {
		out := w.export(actors.DefaultApp, format)
		for _, mode := range []Mode{Replace, Merge} {
			o := order
			o.App, o.Format, o.Mode = fmt.Sprint("copy-", format, "-", mode), format, mode
			lines := w.run(o, strings.NewReader(out))
			w.wantLast(lines, fmt.Sprintf(`"done":%d,"bad":0`, taken))
			if len(lines) > 1 {
				t.Errorf("%s, %s: refused: %s", format, mode, lines[0])
			}
			got, want := sortedLines(w.export(o.App, NDJSON)), sortedLines(first)
			for i := range min(len(got), len(want)) {
				if got[i] != want[i] {
					t.Fatalf("%s, %s: got %.2000s\nwant %.2000s", format, mode, got[i], want[i])
				}
			}
		}
	}
}

// largest returns the line of a user of whom so much is known as may be, written as long
// as it can be.
func largest(user string) string {
	attributes := map[string]any{}
	for i := range (profile.MaxSize - 4096) / (profile.MaxText + 16) {
		attributes[fmt.Sprint("a", i)] = strings.Repeat("\x01", profile.MaxText)
	}
	var follows, lists []string
	for i := range profile.MaxFollows {
		follows = append(follows, fmt.Sprintf("%03d", i)+strings.Repeat("\x01", 60))
	}
	for i := range profile.MaxLists {
		lists = append(lists, fmt.Sprintf("%03d", i)+strings.Repeat("-", 28))
	}
	line, err := json.Marshal(map[string]any{"user": user, "attributes": attributes, "follows": follows, "lists": lists})
	if err != nil {
		panic(err)
	}
	return string(line) + "\n"
}

func (w *world) export(app string, format Format) string {
	w.t.Helper()
	var b strings.Builder
	err := Export(w.t.Context(), index.New(w.j), app, "", format, func(lines []byte) error {
		b.Write(lines)
		return nil
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return b.String()
}

func sortedLines(text string) []string {
	list := strings.Split(strings.TrimSpace(text), "\n")
	slices.Sort(list)
	return list
}
