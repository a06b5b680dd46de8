package screening

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/cespare/xxhash/v2"

	"reddot/actors"
	"reddot/actors/keywords"
)

// The kinds of the records of lists: their buckets by "app/list/bucket", and their marks
// by "app/list". Neither an app nor a list has a slash in its name.
const (
	bucketKind = "keywords"
	markKind   = "keywords.mark"
)

// buckets is how many buckets a list has. One of 100,000 words has about 200 in each.
const buckets = 512

func bucketOf(folded string) int { return int(xxhash.Sum64String(folded) % buckets) }

func bucketKey(app, list string, bucket int) string {
	return fmt.Sprintf("%s/%s/%03x", app, list, bucket)
}

func markKey(app, list string) string { return app + "/" + list }

// A bucket is some words of a list as they are stored: as they were written, by action.
type bucket struct {
	Block  []string `json:"block,omitempty"`
	Review []string `json:"review,omitempty"`
	Mask   []string `json:"mask,omitempty"`
	Allow  []string `json:"allow,omitempty"`
}

// A Word is a word of a list.
type Word struct {
	Text   string // as it was written
	Action keywords.Action
}

func (b *bucket) of(a keywords.Action) *[]string {
	return [...]*[]string{nil, &b.Block, &b.Review, &b.Mask, &b.Allow}[a]
}

// words returns the bucket's words by their folded form.
func (b *bucket) words() (map[string]entry, error) {
	all := map[string]entry{}
	for a := keywords.Block; a <= keywords.Allow; a++ {
		for _, text := range *b.of(a) {
			w, err := keywords.ParseWord(text)
			if err != nil {
				return nil, fmt.Errorf("the word %q: %w", text, err)
			}
			all[w.Folded()] = entry{Word{text, a}, w}
		}
	}
	return all, nil
}

// An entry is a word with how it is found.
type entry struct {
	Word
	folded keywords.Word
}

func decodeBucket(raw []byte) (map[string]entry, error) {
	if len(raw) == 0 {
		return map[string]entry{}, nil
	}
	var b bucket
	if err := json.Unmarshal(raw, &b); err != nil {
		return nil, err
	}
	return b.words()
}

// encodeBucket returns nil for no words.
func encodeBucket(words map[string]entry) ([]byte, error) {
	if len(words) == 0 {
		return nil, nil
	}
	var b bucket
	for _, w := range words {
		of := b.of(w.Action)
		*of = append(*of, w.Text)
	}
	for a := keywords.Block; a <= keywords.Allow; a++ {
		slices.Sort(*b.of(a))
	}
	return json.Marshal(b)
}

// hash tells whether a bucket has changed; that of none is 0.
func hash(raw []byte) uint64 {
	if len(raw) == 0 {
		return 0
	}
	return max(1, xxhash.Sum64(raw))
}

// A mark says that a list is there, and changes with each change of its words.
type mark struct {
	ID      string    `json:"id"`
	At      time.Time `json:"at"`
	Removed bool      `json:"removed,omitempty"` // the list is deleted; the keys are kept
	Once    []done    `json:"once,omitempty"`    // the last ones, oldest first
}

// A done is a change that had a caller's key.
type done struct {
	Key    []byte `json:"key"`
	Digest uint64 `json:"digest"`
	At     int64  `json:"at"` // unix milliseconds
	Result Result `json:"result"`
}

// The bounds of the keys that a mark has.
const (
	onceFor  = actors.CallerKeyAge // milliseconds
	mostOnce = 64
)

// replay returns what a change has done whose key is known; nil: it is not.
func (m *mark) replay(once actors.Once, now time.Time) (*Result, error) {
	if m == nil || once.IsZero() {
		return nil, nil
	}
	for _, d := range m.Once {
		if !bytes.Equal(d.Key, once.Key[:]) || now.UnixMilli()-d.At >= onceFor {
			continue
		}
		if d.Digest != once.Digest {
			return nil, actors.Errorf(actors.IdempotencyConflict, "the key was used for another request")
		}
		r := d.Result
		r.Replayed = true
		return &r, nil
	}
	return nil, nil
}

// next returns the mark of a change.
func (m *mark) next(removed bool, once actors.Once, r Result, now time.Time) *mark {
	n := &mark{ID: actors.NewID().String(), At: now.UTC().Truncate(time.Millisecond), Removed: removed}
	if m != nil {
		n.Once = slices.DeleteFunc(slices.Clone(m.Once), func(d done) bool { return now.UnixMilli()-d.At >= onceFor })
	}
	if !once.IsZero() {
		n.Once = append(n.Once, done{once.Key[:], once.Digest, now.UnixMilli(), r})
		n.Once = n.Once[max(0, len(n.Once)-mostOnce):]
	}
	return n
}

// id returns the mark's id; empty: there is none.
func (m *mark) id() string {
	if m == nil {
		return ""
	}
	return m.ID
}

func decodeMark(raw []byte) (*mark, error) {
	m := &mark{}
	if err := json.Unmarshal(raw, m); err != nil {
		return nil, fmt.Errorf("decode the mark of a keyword list: %w", err)
	}
	return m, nil
}

// readMark returns the mark of a list and how it is stored; nil: there is none.
func (l *Lists) readMark(ctx context.Context, app, name string) ([]byte, *mark, error) {
	raw, err := l.read(ctx, markKind, markKey(app, name))
	if err != nil || raw == nil {
		return nil, nil, err
	}
	m, err := decodeMark(raw)
	return raw, m, err
}

// read returns a record; nil: there is none.
func (l *Lists) read(ctx context.Context, kind, key string) ([]byte, error) {
	raw, err := l.records.ReadRecord(ctx, kind, key)
	if err != nil && actors.AsError(err).Code == actors.NotFound {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("keywords %s: read: %w", key, err)
	}
	return raw, nil
}

// page is how many records are read at once.
const page = 200

// eachBucket calls f with the stored buckets of a list from one on, until it returns false.
func (l *Lists) eachBucket(ctx context.Context, app, name string, from, page int, f func(bucket int, raw []byte) (bool, error)) error {
	prefix := markKey(app, name) + "/"
	after := prefix
	if from > 0 {
		after = bucketKey(app, name, from-1)
	}
	for {
		stored, err := l.records.ListRecords(ctx, bucketKind, after, page)
		if err != nil {
			return fmt.Errorf("keywords %s: list: %w", prefix, err)
		}
		for _, r := range stored {
			text, ok := strings.CutPrefix(r.Key, prefix)
			if !ok {
				return nil // another list's
			}
			n, err := strconv.ParseUint(text, 16, 32)
			if err != nil || n >= buckets {
				return fmt.Errorf("keywords: %s is no key of a bucket", r.Key)
			}
			if more, err := f(int(n), r.Value); !more || err != nil {
				return err
			}
			after = r.Key
		}
		if len(stored) < page {
			return nil
		}
	}
}

// sorted returns words in the order in which they are shown.
func sorted(words map[string]entry) []Word {
	all := make([]Word, 0, len(words))
	for _, w := range words {
		all = append(all, w.Word)
	}
	slices.SortFunc(all, func(a, b Word) int { return cmp.Compare(a.Text, b.Text) })
	return all
}
