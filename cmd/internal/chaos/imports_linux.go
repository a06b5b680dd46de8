package chaos

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"time"

	"reddot/actors"
	"reddot/cmd/internal/chaos/judge"
)

// An importer imports users, slowly, so that faults come between.
type importer struct {
	world   *world
	rng     *rand.Rand
	client  *http.Client
	imports []judge.Import
}

// importTime is how long one server may work on an import.
const importTime = 15 * time.Second

func newImporter(w *world) *importer {
	return &importer{world: w, rng: rand.New(rand.NewPCG(w.cfg.Seed, 8000)),
		client: &http.Client{Timeout: importTime, Transport: &http.Transport{DisableKeepAlives: true, TLSClientConfig: trusting}}}
}

// live imports one stream after the other until stop.
func (m *importer) live(stop <-chan struct{}) {
	for {
		select {
		case <-stop:
			return
		default:
		}
		m.one()
		time.Sleep(time.Duration(m.rng.IntN(1000)) * time.Millisecond)
	}
}

// one imports a stream, by one server after the other.
func (m *importer) one() {
	im := judge.Import{Job: fmt.Sprint("job-", len(m.imports))}
	n := 50 + m.rng.IntN(150)
	if m.rng.IntN(2) == 0 {
		im.Bad = 1 + m.rng.IntN(n)
	}
	var stream []byte
	for i := range n {
		if i+1 == im.Bad {
			stream = append(stream, "{\"user\":\"no user\"}\n"...)
			continue
		}
		user := fmt.Sprintf("imported-%s-%d", im.Job, i)
		im.Users = append(im.Users, user)
		stream = fmt.Appendf(stream, "{\"user\":%q,\"attributes\":{\"line\":%q},\"lists\":[%q]}\n", user, user, im.Job)
	}
	pace := time.Duration(1+m.rng.IntN(40)) * time.Millisecond
	for late := time.Now().Add(giveUp); !im.Done && time.Now().Before(late); im.Resumed++ {
		im.Done = m.goOn(im.Job, stream, pace)
	}
	m.imports = append(m.imports, im)
}

// goOn lets some server work on a job, and tells whether it is done.
func (m *importer) goOn(job string, stream []byte, pace time.Duration) bool {
	ctx, cancel := context.WithTimeout(context.Background(), importTime)
	defer cancel()
	server := m.world.any(m.rng)
	path := "/v1/users/import?job=" + job
	var now struct {
		State  string
		Offset int
	}
	if err := m.world.get(ctx, m.world.any(m.rng), "/v1/jobs/"+job, &now); err == nil && now.State == "done" {
		return true
	}
	body := &slowly{rest: stream, fast: now.Offset, pace: pace}
	if m.rng.IntN(2) == 0 {
		path += fmt.Sprint("&offset=", now.Offset)
		body = &slowly{rest: stream[now.Offset:], pace: pace}
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, m.world.url(server)+path, io.NopCloser(body))
	if err != nil {
		return false
	}
	req.Header.Set("Authorization", "Bearer "+m.world.key)
	req.Header.Set("Content-Type", "application/x-ndjson")
	res, err := m.client.Do(req)
	if err != nil {
		time.Sleep(100 * time.Millisecond)
		return false
	}
	defer func() { _ = res.Body.Close() }()
	raw, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusOK {
		time.Sleep(100 * time.Millisecond)
		return false
	}
	lines := bytes.Split(bytes.TrimSpace(raw), []byte("\n"))
	var last struct{ State string }
	return json.Unmarshal(lines[len(lines)-1], &last) == nil && last.State == "done"
}

// A slowly is a body that comes line by line, but for what the server has already.
type slowly struct {
	rest []byte
	fast int // bytes that come at once
	pace time.Duration
}

// Read implements io.Reader.
func (s *slowly) Read(p []byte) (int, error) {
	if len(s.rest) == 0 {
		return 0, io.EOF
	}
	n := s.fast
	if n <= 0 {
		time.Sleep(s.pace)
		n = bytes.IndexByte(s.rest, '\n') + 1
	}
	n = copy(p, s.rest[:n])
	s.rest, s.fast = s.rest[n:], s.fast-n
	return n, nil
}

// finish reads what became of the imports.
func (m *importer) finish(ctx context.Context, w *world) error {
	written, mistaken, err := w.imported(ctx)
	if err != nil {
		return err
	}
	for i := range m.imports {
		im := &m.imports[i]
		im.Written, im.Mistaken = written, mistaken[im.Job]
		if err := w.getUntil(ctx, 1, "/v1/jobs/"+im.Job, &im.Said); err != nil {
			return err
		}
		if im.Members, err = w.members(ctx, im.Job); err != nil {
			return err
		}
	}
	return nil
}

// members returns who is in a list.
func (w *world) members(ctx context.Context, list string) (users []string, err error) {
	var raw []byte
	if err := w.getUntil(ctx, 1, "/v1/lists/"+list, &raw); err != nil {
		return nil, err
	}
	for _, line := range bytes.Split(bytes.TrimSpace(raw), []byte("\n")) {
		var m struct{ User string }
		if len(line) == 0 {
			continue
		}
		if err := json.Unmarshal(line, &m); err != nil {
			return nil, fmt.Errorf("the list %s: %w in %s", list, err, line)
		}
		users = append(users, m.User)
	}
	return users, nil
}

// imported returns how often the profile of each imported user was written, and what is
// wrong with them, by the job.
func (w *world) imported(ctx context.Context) (written map[string]int, mistaken map[string][]string, err error) {
	written, mistaken = make(map[string]int), make(map[string][]string)
	prefix := string(actors.UserKey(actors.DefaultApp, "imported-"))
	text, err := w.db.SQL(ctx, fmt.Sprintf("select string_agg(convert_from(key, 'UTF8') || ' ' || encode(data, 'hex'), ' ' order by key, seq) from reddot_events where position(convert_to('%s', 'UTF8') in key) = 1", prefix))
	if err != nil {
		return nil, nil, fmt.Errorf("read the journals of imported users: %w", err)
	}
	fields := strings.Fields(text)
	for i := 0; i+1 < len(fields); i += 2 {
		raw, err := hex.DecodeString(fields[i+1])
		if err != nil {
			return nil, nil, err
		}
		e := &actors.Event{}
		if err := actors.DecodeEvent(raw, e); err != nil {
			return nil, nil, err
		}
		if e.Kind != actors.Kind_PROFILE {
			continue
		}
		user := actors.Key(fields[i]).Name()
		written[user]++
		job := user[len("imported-"):strings.LastIndexByte(user, '-')]
		if a := e.Profile.GetProfile().GetAttributes(); len(a) != 1 || a[0].GetText() != user || len(e.Profile.Joined) != 1 || e.Profile.Joined[0] != job {
			mistaken[job] = append(mistaken[job], fmt.Sprintf("%s is known by %v", user, e.Profile))
		}
	}
	return written, mistaken, nil
}
