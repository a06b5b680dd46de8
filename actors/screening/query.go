package screening

import (
	"context"
	"fmt"

	"reddot/actors/keywords"
)

// Words calls each with the words of a list in an order of their own, behind a word, until
// it returns false. The word needs not be there any more.
func (l *Lists) Words(ctx context.Context, app, name, after string, page int, each func(Word) bool) error {
	if _, there := l.known(app, name); !there {
		return notFound(name)
	}
	from := 0
	if after != "" {
		w, err := keywords.ParseWord(after)
		if err != nil {
			return err
		}
		from = bucketOf(w.Folded())
	}
	return l.eachBucket(ctx, app, name, from, page, func(n int, raw []byte) (bool, error) {
		words, err := decodeBucket(raw)
		if err != nil {
			return false, fmt.Errorf("keywords %s: decode: %w", bucketKey(app, name, n), err)
		}
		for _, w := range sorted(words) {
			if n == from && after != "" && w.Text <= after {
				continue
			}
			if !each(w) {
				return false, nil
			}
		}
		return true, nil
	})
}

// One returns a Screen of one list alone.
func (l *Lists) One(app, name string) (*Screen, error) {
	set, there := l.known(app, name)
	if !there {
		return nil, notFound(name)
	}
	return &Screen{[]string{name}, []*keywords.Set{set}}, nil
}

// Written returns how the word of a hit stands in its list; where it was removed
// meanwhile, as it is compared.
func (l *Lists) Written(ctx context.Context, app string, h *Hit) (string, error) {
	raw, err := l.read(ctx, bucketKind, bucketKey(app, h.List, bucketOf(h.Word)))
	if err != nil {
		return "", err
	}
	words, err := decodeBucket(raw)
	if err != nil {
		return "", err
	}
	if w, ok := words[h.Word]; ok {
		return w.Text, nil
	}
	return h.Word, nil
}
