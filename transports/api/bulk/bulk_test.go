package bulk

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"reddot/actors"
	"reddot/actors/actorstest"
	"reddot/actors/index"
)

// A world is a node with users, and the jobs of its records.
type world struct {
	t    *testing.T
	j    *actorstest.Journal
	node *actorstest.Node
	deps Deps
	line int // the most bytes of one

	metrics *prometheus.Registry
}

func newWorld(t *testing.T) *world {
	w := &world{t: t, j: actorstest.NewJournal(), line: 200}
	t.Cleanup(w.j.Close)
	w.node = actorstest.NewNode(t, w.j, actorstest.NewClock(), actors.Limits{})
	t.Cleanup(w.node.Stop)
	w.metrics = prometheus.NewRegistry()
	m, err := NewMetrics(w.metrics)
	if err != nil {
		t.Fatal(err)
	}
	w.deps = Deps{Router: w.node, Jobs: NewJobs(w.j, time.Now), Metrics: m, Log: slog.New(slog.DiscardHandler)}
	return w
}

var order = Order{App: actors.DefaultApp, By: "key:1", Job: "spring", Format: NDJSON, Mode: Merge, Offset: -1}

// run imports a stream, and returns the lines of the answer without those that tell of
// what is not over.
func (w *world) run(o Order, body io.Reader) []string {
	w.t.Helper()
	im, err := Begin(w.t.Context(), Config{Window: 7, Line: w.line, Checkpoint: time.Millisecond}, w.deps, o, body)
	if err != nil {
		return []string{string(actors.AsError(err).Code) + " " + actors.AsError(err).Detail}
	}
	return w.finish(im)
}

func (w *world) finish(im *Import) (lines []string) {
	w.t.Helper()
	err := im.Run(context.Background(), func(out []byte) error {
		for line := range strings.Lines(string(out)) {
			if !strings.Contains(line, `"state":"running"`) {
				lines = append(lines, strings.TrimSpace(line))
			}
		}
		return nil
	})
	<-im.Ended()
	if err != nil {
		w.t.Errorf("the import ends with %v", err)
	}
	return lines
}

func (w *world) wantLast(lines []string, want string) {
	w.t.Helper()
	if len(lines) == 0 || !strings.Contains(lines[len(lines)-1], want) {
		w.t.Errorf("got %s\nwant last %s", strings.Join(lines, "\n"), want)
	}
}

func (w *world) read(user string, part actors.ProfilePart) string {
	w.t.Helper()
	r := actors.NewRequest(actors.UserKey(actors.DefaultApp, user), &actors.ReadProfile{Part: part, Limit: 10})
	if err := w.node.Ask(w.t.Context(), r); err != nil {
		w.t.Fatal(err)
	}
	return string(r.Answer.Body)
}

// wantOnce checks that the users have one event each.
func (w *world) wantOnce(users int) {
	w.t.Helper()
	for i := range users {
		if n := w.j.Stored(actors.UserKey(actors.DefaultApp, fmt.Sprint("u", i))); n != 1 {
			w.t.Errorf("u%d has %d events, want one", i, n)
		}
	}
}

func manyLines(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, `{"user":"u%d","tags":["vip"],"attributes":{"level":%d}}`+"\n", i, i)
	}
	return b.String()
}

func TestImport(t *testing.T) {
	w := newWorld(t)
	stream := `{"user":"ann","tags":["vip"],"attributes":{"city":"Shanghai"},"preferences":{"channels":{"sms":false}},"follows":["news/eu"],"lists":["beta"]}

{"user":"bob","tags":["a"]}
{"user":"bob","color":"red"}
{"tags":["a"]}
no JSON
{"user":"eve","zone":"Atlantis"}
{"user":"eve","preferences":{"channels":{"fax":true}}}
{"user":"long","attributes":{"text":"` + strings.Repeat("x", 300) + `"}}
{"user":"bob","tags":["b"],"locale":"de"}`
	lines := w.run(order, iotest.OneByteReader(strings.NewReader(stream)))
	want := []string{
		`{"line":4,"status":400,"code":"invalid","field":"color"`, `{"line":5,"status":400,"code":"invalid","field":"user"`, `{"line":6,"status":400,"code":"invalid"`,
		`{"line":7,"status":400,"code":"invalid","field":"zone"`, `{"line":8,"status":400,"code":"invalid","field":"preferences.`, `{"line":9,"status":413,"code":"too_large","field":"line"`,
		fmt.Sprintf(`{"job":"spring","state":"done","offset":%d,"lines":10,"done":3,"bad":6}`, len(stream)),
	}
	for i := range max(len(lines), len(want)) {
		if i >= len(lines) || i >= len(want) || !strings.HasPrefix(lines[i], want[i]) {
			t.Fatalf("got %s\nwant %s", strings.Join(lines, "\n"), strings.Join(want, "\n"))
		}
	}
	for part, want := range map[actors.ProfilePart]string{
		actors.PartProfile: `"city":"Shanghai"`, actors.PartPreferences: `"sms":false`, actors.PartFollows: `["news/eu"]`, actors.PartLists: `["beta"]`,
	} {
		if got := w.read("ann", part); !strings.Contains(got, want) {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	if got := w.read("bob", actors.PartProfile); !strings.Contains(got, `"tags":["b"]`) || !strings.Contains(got, `"locale":"de"`) {
		t.Errorf("of two lines the second holds: got %s", got)
	}
	if n := w.j.Stored(actors.UserKey(actors.DefaultApp, "ann")); n != 1 {
		t.Errorf("a line has made %d events", n)
	}
	job, err := w.deps.Jobs.Read(t.Context(), actors.DefaultApp, "spring")
	if err != nil || job.State != Done || len(job.Errors) != 6 || job.Errors[5].Line != 9 {
		t.Errorf("got job %+v, %v", job, err)
	}
	if got := w.run(order, strings.NewReader(stream)); !strings.HasPrefix(got[0], "conflict") {
		t.Errorf("a job that is done goes on: %s", got)
	}
}

func TestImportModes(t *testing.T) {
	w := newWorld(t)
	first := order
	first.Job = "one"
	w.wantLast(w.run(first, strings.NewReader(`{"user":"ann","tags":["vip"],"locale":"de","follows":["a","b"],"lists":["x"]}`)), `"done":1`)
	merge := order
	merge.Job = "two"
	w.wantLast(w.run(merge, strings.NewReader(`{"user":"ann","tags":null,"follows":["c"],"lists":null}`)), `"done":1`)
	if got := w.read("ann", actors.PartFollows) + w.read("ann", actors.PartLists) + w.read("ann", actors.PartProfile); !strings.HasPrefix(got, `{"follows":["a","b","c"]}{"lists":[]}{"tags":[],`) || !strings.Contains(got, `"locale":"de"`) {
		t.Errorf("merged: got %s", got)
	}
	replace := order
	replace.Job, replace.Mode = "three", Replace
	w.wantLast(w.run(replace, strings.NewReader(`{"user":"ann","zone":"Asia/Shanghai","follows":["c"]}`)), `"done":1`)
	if got := w.read("ann", actors.PartFollows) + w.read("ann", actors.PartProfile); !strings.HasPrefix(got, `{"follows":["c"]}`) || strings.Contains(got, "de") {
		t.Errorf("replaced: got %s", got)
	}
}

func TestImportCSV(t *testing.T) {
	w := newWorld(t)
	stream := "\ufeff" + `user,tags,attributes.city,attributes.level:number,attributes.paid:bool,attributes.likes:json,addresses.email,preferences,follows
ann,vip; new,"Shanghai, ""Pudong""
East",3,true,"[""tea""]",a@example.com,"{""channels"":{""sms"":false}}",news
bob,,,three,,,,,
cid,,,,,,"[{""address"":""c@example.com""},{""address"":""d@example.com""}]",,
too,few
dan,"quote" d,,,,,,,
eve,,,,,,,,
`
	o := order
	o.Format = CSV
	lines := w.run(o, iotest.HalfReader(strings.NewReader(stream)))
	got := strings.Join(lines, "\n")
	for _, want := range []string{`{"line":3,"status":400,"code":"invalid","field":"attributes.level:number"`, `{"line":5,`, `{"line":6,`, `"state":"done"`, `"lines":7,"done":3,"bad":3`} {
		if !strings.Contains(got, want) {
			t.Errorf("got %s\nwant %s", got, want)
		}
	}
	known := w.read("ann", actors.PartProfile)
	for _, want := range []string{`"tags":["new","vip"]`, `Shanghai, \"Pudong\"\nEast`, `"level":3`, `"paid":true`, `"likes":["tea"]`, `a@example.com`} {
		if !strings.Contains(known, want) {
			t.Errorf("got %s, want %s", known, want)
		}
	}
	if got := w.read("cid", actors.PartProfile); !strings.Contains(got, "d@example.com") {
		t.Errorf("got %s", got)
	}
	for _, header := range []string{"", "tags\n", "user,color\n", "user,user\n", "user,attributes.x:date\n"} {
		o.Job = "bad"
		if got := w.run(o, strings.NewReader(header)); !strings.HasPrefix(got[0], "invalid") {
			t.Errorf("header %q: got %s", header, got)
		}
	}
	o.Job = "open"
	if got := w.run(o, strings.NewReader("user,tags\nann,\""+strings.Repeat("x\n", 20000))); !strings.Contains(got[len(got)-1], `"state":"paused"`) || !strings.Contains(got[len(got)-1], "quote") {
		t.Errorf("a quote that nobody closes: got %s", got)
	}
}

// TestImportResumed breaks off at each of many places, and goes on with the whole stream
// or from where the job is.
func TestImportResumed(t *testing.T) {
	for _, format := range []Format{NDJSON, CSV} {
		t.Run(string(format), func(t *testing.T) {
			w := newWorld(t)
			stream, lines := manyLines(40), 40
			if format == CSV {
				stream, lines = "user,attributes.note\n", 41
				for i := range 40 {
					stream += fmt.Sprintf("u%d,\"one\ntwo\"\n", i)
				}
			}
			o := order
			o.Format = format
			for cut := 37; cut < len(stream); cut += 171 {
				body := io.MultiReader(strings.NewReader(stream[:cut]), iotest.ErrReader(errors.New("cut")))
				w.wantLast(w.run(o, body), `"state":"paused"`)
			}
			job, err := w.deps.Jobs.Read(t.Context(), actors.DefaultApp, o.Job)
			if err != nil || job.Offset == 0 || job.Done == 0 {
				t.Fatalf("got %+v, %v", job, err)
			}
			o.Offset = job.Offset + 1
			if got := w.run(o, strings.NewReader(stream)); !strings.Contains(got[0], fmt.Sprint("byte ", job.Offset)) {
				t.Errorf("at a wrong place: got %s", got)
			}
			o.Offset = job.Offset
			w.wantLast(w.run(o, strings.NewReader(stream[job.Offset:])), fmt.Sprintf(`"state":"done","offset":%d,"lines":%d,"done":40,"bad":0`, len(stream), lines))
			w.wantOnce(40)
		})
	}
}

// TestImportKilled goes on with a job whose last records were never written.
func TestImportKilled(t *testing.T) {
	w := newWorld(t)
	im, err := Begin(t.Context(), Config{}, w.deps, order, strings.NewReader(manyLines(30)))
	if err != nil {
		t.Fatal(err)
	}
	before := *im.claim.job
	w.wantLast(w.finish(im), `"done":30`)
	w.j.SetRecord(jobKind, jobKey(actors.DefaultApp, order.Job), mustAppend(nil, &before))
	w.wantLast(w.run(order, strings.NewReader(manyLines(30))), `"done":30,"bad":0`)
	w.wantOnce(30)
}

// TestImportTaken lets a second request take a job over, and a third one cancel it.
func TestImportTaken(t *testing.T) {
	w := newWorld(t)
	in, out := io.Pipe()
	im, err := Begin(t.Context(), Config{Checkpoint: time.Millisecond}, w.deps, order, in)
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan []string)
	go func() { ended <- w.stopped(im, in) }()
	stream := manyLines(20)
	if _, err := io.WriteString(out, stream[:300]); err != nil {
		t.Fatal(err)
	}
	w.wantLast(w.run(order, strings.NewReader(stream)), `"state":"done"`)
	w.wantLast(<-ended, `"state":"cancelled"`)
	w.wantOnce(20)
	if err := w.deps.Jobs.End(t.Context(), actors.DefaultApp, order.Job); err != nil { // it is done: forgotten
		t.Fatal(err)
	}
	in, out = io.Pipe()
	if im, err = Begin(t.Context(), Config{Checkpoint: time.Millisecond}, w.deps, order, in); err != nil {
		t.Fatal(err)
	}
	go func() { ended <- w.stopped(im, in) }()
	if err := w.deps.Jobs.End(t.Context(), actors.DefaultApp, order.Job); err != nil {
		t.Fatal(err)
	}
	w.wantLast(<-ended, `"state":"cancelled"`)
	_ = out.Close()
	list, _, err := w.deps.Jobs.List(t.Context(), actors.DefaultApp, "", 10)
	if err != nil || len(list) != 1 || list[0].State != Cancelled {
		t.Errorf("got %+v, %v", list, err)
	}
}

// stopped runs an import whose stream is closed where it ends.
func (w *world) stopped(im *Import, in io.Closer) (lines []string) {
	err := im.Run(context.Background(), func(out []byte) error {
		lines = append(lines, string(out))
		return nil
	})
	if err != nil {
		w.t.Error(err)
	}
	_ = in.Close()
	<-im.Ended()
	return lines
}

// TestImportBusy: what may succeed later is tried again; where it does not, the line is
// neither done nor bad.
func TestImportBusy(t *testing.T) {
	w := newWorld(t)
	w.j.Refuse(actorstest.ErrBusy)
	time.AfterFunc(250*time.Millisecond, func() { w.j.Refuse(nil) })
	w.wantLast(w.run(order, strings.NewReader(manyLines(20))), `"done":20,"bad":0`)
	w.wantOnce(20)

	w.j.Refuse(actorstest.ErrBusy)
	o := order
	o.Job = "busy"
	im, err := Begin(t.Context(), Config{Patience: time.Millisecond}, w.deps, o, strings.NewReader(manyLines(20)))
	if err != nil {
		t.Fatal(err)
	}
	w.wantLast(w.finish(im), `"state":"paused","offset":0,"lines":0,"done":0,"bad":0`)
	w.j.Refuse(nil)
	w.wantLast(w.run(o, strings.NewReader(manyLines(20))), `"done":20,"bad":0`)
}

// FuzzNDJSON: whatever comes, in pieces of any size, each line is told once and in
// order, and no byte is left out.
func FuzzNDJSON(f *testing.F) {
	f.Add("a\n\nb", uint8(1))
	f.Add(strings.Repeat("x", 50)+"\nb\n", uint8(7))
	f.Fuzz(func(t *testing.T, stream string, piece uint8) {
		s := newNDJSON(&pieces{strings.NewReader(stream), int(piece) + 1}, 0, 20)
		for _, want := range strings.SplitAfter(stream, "\n") {
			if want == "" {
				break
			}
			l, err := s.next()
			if err != nil {
				t.Fatal(err)
			}
			if text := strings.TrimSpace(want); l.wrong == nil && string(l.text) != text || l.wrong != nil && len(strings.TrimSuffix(want, "\n")) <= 20 {
				t.Fatalf("got %q, %v, want %q", l.text, l.wrong, text)
			}
			stream = stream[len(want):]
		}
		if _, err := s.next(); !errors.Is(err, io.EOF) {
			t.Fatalf("got %v", err)
		}
	})
}

type pieces struct {
	in io.Reader
	n  int
}

func (p *pieces) Read(b []byte) (int, error) { return p.in.Read(b[:min(len(b), p.n)]) }

// FuzzCSV: whatever comes is no reason to panic, and each row is one JSON object.
func FuzzCSV(f *testing.F) {
	f.Add("user,tags\nann,\"a;b\"\n")
	f.Add("user,attributes.x:json\n,{}\n\"")
	f.Fuzz(func(t *testing.T, stream string) {
		s, _, err := newRows(strings.NewReader(stream), 0, 100, nil)
		if err != nil {
			return
		}
		for last := int64(0); ; {
			l, err := s.next()
			if err != nil {
				return
			}
			if l.wrong == nil && !json.Valid(l.text) {
				t.Fatalf("got %q", l.text)
			}
			if l.end < last || l.end > int64(len(stream)) {
				t.Fatalf("a row ends at %d of %d", l.end, len(stream))
			}
			last = l.end
		}
	})
}

// TestExport hands out what an import takes, and then the same is handed out of another
// app.
func TestExport(t *testing.T) {
	w := newWorld(t)
	w.line = 4096
	stream := `{"user":"ann","tags":["a;b","vip"],"attributes":{"city":"Shanghai, \"Pudong\"","level":3.5,"paid":false,"since":"2026-01-01T00:00:00Z","likes":["tea","rice"],"sizes":[1,2]},"locale":"zh-CN","zone":"Asia/Shanghai","tenants":["acme"],"addresses":{"email":[{"address":"a@example.com"}],"apns":[{"token":"t1","topic":"com.example"}]},"preferences":{"categories":{"order":{"sms":false}},"channels":{"email":true},"tenants":{"acme":{"channels":{"sms":true}}},"quiet_hours":{"from":"22:00","to":"08:00","zone":"Europe/Berlin","days":["mon"]},"muted_until":"2026-12-01T00:00:00Z"},"follows":["news/eu"],"lists":["beta"]}
{"user":"bob"}
` + manyLines(120)
	w.wantLast(w.run(order, strings.NewReader(stream)), `"done":122,"bad":0`)
	first := w.export(actors.DefaultApp, NDJSON)
	if n := strings.Count(first, "\n"); n != 122 {
		t.Fatalf("got %d users, want 122", n)
	}
	for _, format := range []Format{NDJSON, CSV} {
		o := order
		o.App, o.Format, o.Mode = "copy-"+string(format), format, Replace
		w.wantLast(w.run(o, strings.NewReader(w.export(actors.DefaultApp, format))), `"done":122,"bad":0`)
		if got, want := sortedLines(w.export(o.App, NDJSON)), sortedLines(first); !slices.Equal(got, want) {
			t.Errorf("by %s: got %s\nwant %s", format, got[:2], want[:2])
		}
	}
	var rest strings.Builder
	lines := strings.Split(first, "\n")
	var last struct{ User string }
	if err := json.Unmarshal([]byte(lines[70]), &last); err != nil {
		t.Fatal(err)
	}
	err := Export(t.Context(), index.New(w.j), actors.DefaultApp, last.User, NDJSON, func(lines []byte) error {
		rest.Write(lines)
		return nil
	})
	if err != nil || rest.String() != strings.Join(lines[71:], "\n") {
		t.Errorf("behind %s: got %d bytes, %v", last.User, rest.Len(), err)
	}
}
