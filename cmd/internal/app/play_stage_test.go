//go:build unix

package app_test

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"reddot/cmd/internal/app"
)

// What TestPlay is played on: a server that can be killed, and whose clock can be set.

// playDay is the day of the play, whose times are those of Shanghai.
const playDay = "2026-12-15"

// A play is a server, and who talks to it.
type play struct {
	t      *testing.T
	server *process
	clock  string // the file that says how far the server's clock is off
	rng    *rand.Rand
	scene  string
	lines  int
	killed int

	ann, ben, ops *principal
	cast          []string // who is in the segment
	parts         int      // of them have a part
}

// A principal is somebody with a key.
type principal struct {
	play *play
	name string
	key  string
}

func newPlay(t *testing.T) *play {
	t.Helper()
	p := newStage(t, playDay+"T07:00:00+08:00")
	for i := range 30 {
		p.cast = append(p.cast, fmt.Sprint("p", i))
	}
	return p
}

// newStage starts a server whose clock is at a time.
func newStage(t *testing.T, at string, args ...string) *play {
	t.Helper()
	if testing.Short() {
		t.Skip("starts processes")
	}
	seed := *playSeed
	if seed == 0 {
		seed = uint64(time.Now().UnixNano())
	}
	t.Logf("seed %d (-play.seed)", seed)
	p := &play{t: t, rng: rand.New(rand.NewPCG(seed, 0)), clock: filepath.Join(t.TempDir(), "clock"), scene: t.Name()}
	p.server = newProcess(t, "FAULTS_CLOCK_FILE="+p.clock)
	p.server.binary, p.server.args = app.FaultsBinary(t), append([]string{"--dev=false"}, args...)
	p.ann, p.ben, p.ops = p.hires("ann", "author", "read"), p.hires("ben", "approve", "publish", "read"), p.hires("ops", "admin", "author", "publish", "read", "support")
	p.clockAt(at)
	p.server.start(t)
	return p
}

// hires makes a key, before the server starts.
func (p *play) hires(name string, scopes ...string) *principal {
	p.t.Helper()
	_, key, err := app.CreateKey(p.t.Context(), p.server.dir, "", app.KeyOrder{Name: name, Scopes: scopes}, slog.New(slog.DiscardHandler))
	if err != nil {
		p.t.Fatal(err)
	}
	return &principal{p, name, key.Reveal()}
}

// at sets the server's clock, and says what comes.
func (p *play) at(clock, scene string) {
	p.t.Helper()
	p.scene = clock + " " + scene
	p.clockAt(playDay + "T" + clock + ":00+08:00")
	p.t.Log(p.scene)
}

// clockAt sets the server's clock.
func (p *play) clockAt(text string) {
	p.t.Helper()
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		p.t.Fatal(err)
	}
	next := p.clock + ".next"
	if err := os.WriteFile(next, []byte(time.Until(at).String()), 0o600); err != nil {
		p.t.Fatal(err)
	}
	if err := os.Rename(next, p.clock); err != nil { // the server never reads half of it
		p.t.Fatal(err)
	}
}

// does asks for something, and holds the answer's status.
func (a *principal) does(method, path, body string, status int) map[string]any {
	a.play.t.Helper()
	got, out := a.asks(method, path, body)
	if got != status {
		a.play.t.Fatalf("%s: %s: %s %s: got %d %v, want %d", a.play.scene, a.name, method, path, got, out, status)
	}
	return out
}

// asks asks until the answer is certain, and now and then the server is killed meanwhile.
func (a *principal) asks(method, path, body string) (status int, out map[string]any) {
	p := a.play
	p.t.Helper()
	p.lines++
	key := fmt.Sprint("line-", p.lines)
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		var wg sync.WaitGroup
		dies := p.rng.IntN(60) == 0 || method != "GET" && p.rng.IntN(4) == 0
		if dies {
			after := time.Duration(p.rng.IntN(int(12 * time.Millisecond)))
			wg.Go(func() {
				time.Sleep(after)
				_ = p.server.cmd.Process.Kill()
				_ = p.server.cmd.Wait()
			})
		}
		var err error
		status, out, err = a.ask(method, path, body, key)
		wg.Wait()
		if dies {
			p.killed++
			p.server.start(p.t)
		}
		if err == nil && status != http.StatusServiceUnavailable {
			return status, out
		}
	}
	p.t.Fatalf("%s: %s %s: no certain answer in a minute", p.scene, method, path)
	return 0, nil
}

func (a *principal) ask(method, path, body, key string) (int, map[string]any, error) {
	r, err := http.NewRequestWithContext(a.play.t.Context(), method, a.play.server.url+path, strings.NewReader(body))
	if err != nil {
		return 0, nil, err
	}
	r.Header.Set("Authorization", "Bearer "+a.key)
	if method != "GET" {
		r.Header.Set("Idempotency-Key", key)
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0, nil, err
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		return 0, nil, err
	}
	var out map[string]any
	_ = json.Unmarshal(text, &out)
	return res.StatusCode, out, nil
}

// version returns a version of what is reviewed, as JSON.
func (p *play) version(kind, id string, version int) string {
	p.t.Helper()
	text, err := json.Marshal(p.ops.does("GET", fmt.Sprintf("/v1/%s/%s?version=%d", kind, id, version), "", http.StatusOK))
	if err != nil {
		p.t.Fatal(err)
	}
	return string(text)
}

// hash returns what stands for a version's text.
func (p *play) hash(kind, id string, version int) string {
	p.t.Helper()
	var v struct{ Hash string }
	if err := json.Unmarshal([]byte(p.version(kind, id, version)), &v); err != nil {
		p.t.Fatal(err)
	}
	return v.Hash
}

// reviewed is what is approved: a version, and the text that was read.
func (p *play) reviewed(kind, id string, version int) string {
	p.t.Helper()
	return fmt.Sprintf(`{"version":%d,"hash":%q}`, version, p.hash(kind, id, version))
}

// casts returns one more person who is not held out.
func (p *play) casts() string {
	p.t.Helper()
	for ; p.parts < len(p.cast); p.parts++ {
		user := p.cast[p.parts]
		if p.ops.does("GET", "/v1/campaigns/spring/arm?user="+user, "", http.StatusOK)["held_out"] == false {
			p.parts++
			return user
		}
	}
	p.t.Fatal("too many are held out")
	return ""
}

// everybody returns the cast, and one who is not in the segment.
func (p *play) everybody() []string { return append(slices.Clone(p.cast), "olga") }
