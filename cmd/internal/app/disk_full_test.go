package app_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// The disk runs: writers publish to a server and repeat what was not answered,
// while its disk fails or fills up at a moment that a seed chooses. After a
// restart everything that was answered is there, once, and what was answered as
// a repeat as well.

const (
	diskWriters = 8
	diskUsers   = 16
)

// diskSeeds returns the seeds of a run: few, or as many as DISK_SEEDS
// says, from DISK_SEED on.
func diskSeeds(t *testing.T, few int) []uint64 {
	t.Helper()
	n, first := uint64(few), uint64(time.Now().UnixNano())
	for name, value := range map[string]*uint64{"DISK_SEEDS": &n, "DISK_SEED": &first} {
		if text := os.Getenv(name); text != "" {
			var err error
			if *value, err = strconv.ParseUint(text, 10, 64); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
		}
	}
	var seeds []uint64
	for i := range n {
		seeds = append(seeds, first+i)
	}
	return seeds
}

// A diskWrite is one publish and what was answered.
type diskWrite struct {
	user, key string
	id        string // of the answer; empty: none came
	repeated  bool   // the answer said that it was a repeat
}

// diskCrowd are the writers of one seed.
type diskCrowd struct {
	url    string
	client *http.Client
	stop   chan struct{}
	wait   sync.WaitGroup
	mu     sync.Mutex
	writes []*diskWrite
	errs   []error
}

// startDiskCrowd lets writers go on until end.
func startDiskCrowd(url string, seed uint64) *diskCrowd {
	c := &diskCrowd{url: url, stop: make(chan struct{}), client: &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: diskWriters}}}
	for i := range diskWriters {
		r := rand.New(rand.NewPCG(seed, uint64(i)))
		c.wait.Go(func() { c.work(i, r) })
	}
	return c
}

// end ends the writers, and returns what they have published.
func (c *diskCrowd) end() ([]*diskWrite, []error) {
	close(c.stop)
	c.wait.Wait()
	c.client.CloseIdleConnections()
	return c.writes, c.errs
}

func (c *diskCrowd) answered() (n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, w := range c.writes {
		if w.id != "" {
			n++
		}
	}
	return n
}

// work publishes one message after the other, and repeats each a few times until
// it is answered.
func (c *diskCrowd) work(i int, r *rand.Rand) {
	for n := 0; ; n++ {
		w := &diskWrite{user: fmt.Sprintf("user-%d", r.IntN(diskUsers)), key: fmt.Sprintf("writer-%d-%d", i, n)}
		c.mu.Lock()
		c.writes = append(c.writes, w)
		c.mu.Unlock()
		for range 5 {
			select {
			case <-c.stop:
				return
			default:
			}
			id, repeated, err := publishOnce(c.client, c.url, w)
			c.mu.Lock()
			w.id, w.repeated = id, repeated
			if err != nil {
				c.errs = append(c.errs, err)
			}
			c.mu.Unlock()
			if id != "" {
				break
			}
			time.Sleep(time.Duration(r.IntN(5)) * time.Millisecond)
		}
	}
}

// publishOnce publishes w, and returns the id that was answered; empty: none
// was. The error is an answer that nobody should get.
func publishOnce(client *http.Client, url string, w *diskWrite) (id string, repeated bool, err error) {
	body := fmt.Sprintf(`{"title":%q,"body":%q}`, w.key, strings.Repeat("x", 500))
	req, err := http.NewRequest("POST", url+"/v1/users/"+w.user+"/messages", strings.NewReader(body))
	if err != nil {
		return "", false, err
	}
	req.Header.Set("Idempotency-Key", w.key)
	res, err := client.Do(req)
	if err != nil {
		return "", false, nil // the server ends
	}
	defer func() { _ = res.Body.Close() }()
	answer, err := io.ReadAll(res.Body)
	switch {
	case err != nil, res.StatusCode == http.StatusServiceUnavailable, res.StatusCode == http.StatusTooManyRequests:
		return "", false, nil
	case res.StatusCode != http.StatusCreated:
		return "", false, fmt.Errorf("publish %s: %d %s", w.key, res.StatusCode, answer)
	}
	var got struct{ ID string }
	if err := json.Unmarshal(answer, &got); err != nil || got.ID == "" {
		return "", false, errors.Join(fmt.Errorf("publish %s: %s", w.key, answer), err)
	}
	return got.ID, res.Header.Get("Idempotent-Replayed") == "true", nil
}

// A diskVerdict is what is wrong after a restart.
type diskVerdict struct{ answered, lost, replayedLost, doubled int }

// judgeDisk looks for all that was published at a server that was started
// again, and repeats it.
func judgeDisk(t *testing.T, url string, writes []*diskWrite) (v diskVerdict) {
	t.Helper()
	client := &http.Client{Timeout: 20 * time.Second}
	defer client.CloseIdleConnections()
	held := map[string]map[string]int{} // by user and title: how often
	for i := range diskUsers {
		user := fmt.Sprintf("user-%d", i)
		held[user] = inboxTitles(t, client, url, user)
	}
	for _, w := range writes {
		n := held[w.user][w.key]
		if n > 1 {
			v.doubled++
			t.Errorf("%s of %s is there %d times", w.key, w.user, n)
		}
		if w.id == "" {
			continue
		}
		v.answered++
		if n == 0 {
			v.lost++
			t.Errorf("%s of %s was answered, and is not there", w.key, w.user)
			if w.repeated {
				v.replayedLost++
			}
		}
		id, repeated, err := publishOnce(client, url, w)
		if err != nil || id != w.id || !repeated {
			t.Errorf("%s repeated after the restart: %s, repeat %v, %v; want %s", w.key, id, repeated, err, w.id)
		}
	}
	return v
}

// inboxTitles returns how often each title is in a user's inbox.
func inboxTitles(t *testing.T, client *http.Client, url, user string) map[string]int {
	t.Helper()
	titles := map[string]int{}
	for next := ""; ; {
		res, err := client.Get(url + "/v1/users/" + user + "/messages?state=all&limit=200&next=" + next)
		if err != nil {
			t.Fatal(err)
		}
		var page struct {
			Messages []struct{ Title string }
			Next     string
		}
		err = json.NewDecoder(res.Body).Decode(&page)
		_ = res.Body.Close()
		if err != nil || res.StatusCode != http.StatusOK {
			t.Fatalf("the inbox of %s: %d, %v", user, res.StatusCode, err)
		}
		for _, m := range page.Messages {
			titles[m.Title]++
		}
		if next = page.Next; next == "" {
			return titles
		}
	}
}

// waitAnswered waits until the writers have so many answers.
func (c *diskCrowd) waitAnswered(t *testing.T, n int) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); c.answered() < n; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%d answers after 30 s", c.answered())
		}
	}
}

func newProbe() *http.Client { return &http.Client{Timeout: 20 * time.Second} }

// probe makes a request, with a message if it is a publish.
func probe(t *testing.T, client *http.Client, method, url string) (int, string) {
	t.Helper()
	req, err := http.NewRequest(method, url, strings.NewReader(map[string]string{"POST": `{"title":"Hello"}`}[method]))
	if err != nil {
		t.Fatal(err)
	}
	res, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(body)
}
