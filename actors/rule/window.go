package rule

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"reddot/actors"
)

// A window is a digest that is open.
type window struct {
	key, category, tenant string
	title                 string // empty: the default
	opened, closes        int64
	total                 uint32 // also of what had no room
	items                 []item
	size                  int // of the items as JSON
}

// An item is a message in a digest.
type item struct {
	id         actors.ID
	at         int64 // 0: only the id had room
	title, url string
	collapse   uint64
	expires    int64 // 0: never
}

// window returns the digest of a key that is open; nil: none is.
func (s *State) window(key string, now int64) *window {
	if s == nil {
		return nil
	}
	for _, w := range s.windows {
		if w.key == key && !w.isIdle(now) {
			return w
		}
	}
	return nil
}

// isIdle tells whether the digest was opened by a message that none has followed in time.
// It is forgotten without an event.
func (w *window) isIdle(now int64) bool { return w.total == 0 && w.closes <= now }

// isFull tells whether no more digests can be open.
func (s *State) isFull(now int64) bool {
	if s == nil || len(s.windows) < maxWindows {
		return false
	}
	return !slices.ContainsFunc(s.windows, func(w *window) bool { return w.isIdle(now) })
}

func (s *State) forgetWindows(now int64) {
	s.windows = slices.DeleteFunc(s.windows, func(w *window) bool {
		if w.total == 0 && !w.isIdle(now) {
			s.stale = min(s.stale, w.closes)
		}
		return w.isIdle(now)
	})
}

// open opens the digest of an event's verdict, or changes when it closes.
func (s *State) open(e *actors.Event, closes int64) *window {
	w := s.window(e.Verdict.Gather, e.At)
	if w == nil {
		w = &window{key: e.Verdict.Gather, title: e.Verdict.Title, category: e.Message.GetCategory(), tenant: e.Message.GetTenant(), opened: e.At}
		s.windows = append(s.windows, w)
	}
	w.closes = closes
	s.stale = min(s.stale, closes)
	return w
}

// gather takes in the message of an event as an item.
func (s *State) gather(e *actors.Event) {
	w := s.open(e, e.Until)
	if e.Message == nil {
		return
	}
	n := item{id: actors.ID(e.Message.Id), at: e.At, collapse: e.Message.CollapseHash(), expires: e.Message.ExpiresAt}
	n.title, n.url = headline(e.Message.Content)
	if n.collapse != 0 {
		w.remove(func(o *item) bool { return o.collapse == n.collapse })
	}
	w.total++
	w.add(n)
	for len(w.items) > maxItems {
		w.size -= w.items[0].size()
		w.items = slices.Delete(w.items, 0, 1)
	}
	for i := 0; i < len(w.items) && w.size > maxItemsSize; i++ {
		o := &w.items[i]
		w.size -= o.size()
		o.at, o.title, o.url = 0, "", ""
		w.size += o.size()
	}
}

func (w *window) add(n item) {
	w.items = append(w.items, n)
	w.size += n.size()
}

// remove takes items out, and out of the total.
func (w *window) remove(which func(*item) bool) {
	w.items = slices.DeleteFunc(w.items, func(n item) bool {
		if !which(&n) {
			return false
		}
		w.size -= n.size()
		w.total--
		return true
	})
}

// retract takes messages back. A digest that has had no others is over.
func (s *State) retract(packed []byte) {
	s.windows = slices.DeleteFunc(s.windows, func(w *window) bool {
		had := w.total
		actors.EachID(packed, func(id actors.ID) { w.remove(func(n *item) bool { return n.id == id }) })
		return had > 0 && w.total == 0
	})
}

// closed lets go of a digest that was delivered, or left out.
func (s *State) closed(key string) {
	s.windows = slices.DeleteFunc(s.windows, func(w *window) bool { return w.key == key })
}

// Gathered tells whether a message is an item of a digest that is open.
func (s *State) Gathered(id actors.ID) bool {
	if s == nil {
		return false
	}
	for _, w := range s.windows {
		if slices.ContainsFunc(w.items, func(n item) bool { return n.id == id }) {
			return true
		}
	}
	return false
}

// Due returns when the next digest closes, in unix milliseconds; actors.Never: none is open.
func (s *State) Due() int64 {
	due := int64(actors.Never)
	if s != nil {
		for _, w := range s.windows {
			if w.total > 0 {
				due = min(due, w.closes)
			}
		}
	}
	return due
}

// Closing returns the key of a digest that is to be closed by now.
func (s *State) Closing(now int64) (key string, ok bool) {
	if s != nil {
		for _, w := range s.windows {
			if w.total > 0 && w.closes <= now {
				return w.key, true
			}
		}
	}
	return "", false
}

// A Closed digest is what its message is made of. The event of the message, or of its being
// filtered, has a verdict whose gather is the key: by it the digest is closed.
type Closed struct {
	Key, Category, Tenant string
	Content               []byte // title and data, as in actors.Message
	Items                 int    // that data has
	Total                 uint32 // of all, also of those that had no room; 0: all have expired, so there is no message
}

// Close returns what becomes of a digest; ok: one of the key is open. It changes nothing.
func (s *State) Close(key string, now int64) (c Closed, ok bool) {
	w := s.window(key, now)
	if w == nil {
		return c, false
	}
	c = Closed{Key: key, Category: w.category, Tenant: w.tenant, Total: w.total}
	var list []byte
	for i := range w.items {
		n := &w.items[i]
		if n.expires != 0 && n.expires <= now {
			c.Total--
			continue
		}
		if c.Items++; c.Items > 1 {
			list = append(list, ',')
		}
		list = n.appendJSON(list)
	}
	total := strconv.Itoa(int(c.Total))
	title := w.title
	switch {
	case title != "":
		title = strings.ReplaceAll(title, "{total}", total)
	case c.Total == 1:
		title = "1 new message"
	default:
		title = total + " new messages"
	}
	b := actors.AppendString([]byte(`"title":`), title)
	b = append(append(append(b, `,"data":{"items":[`...), list...), `],"total":`...)
	c.Content = append(append(b, total...), '}')
	return c, true
}

func (n *item) appendJSON(b []byte) []byte {
	b = actors.AppendString(append(b, `{"id":`...), n.id.String())
	b = actors.AppendTimeMember(b, `,"at":`, n.at)
	if n.title != "" {
		b = actors.AppendString(append(b, `,"title":`...), n.title)
	}
	if n.url != "" {
		b = actors.AppendString(append(b, `,"url":`...), n.url)
	}
	return append(b, '}')
}

// size returns how many bytes the item takes in a list.
func (n *item) size() int {
	var room [256]byte
	return len(n.appendJSON(room[:0])) + 1
}

// headline returns the title and the url of a message's content, as far as an item has room.
func headline(content []byte) (title, url string) {
	var members struct {
		Title string `json:"title"`
		URL   string `json:"url"`
	}
	if json.Unmarshal(slices.Concat([]byte("{"), content, []byte("}")), &members) != nil {
		return "", ""
	}
	if len(members.URL) > maxItemURL {
		members.URL = ""
	}
	return shortened(members.Title), members.URL
}

// shortened returns a title that an item has room for.
func shortened(title string) string {
	const more = "…"
	if len(title) <= maxItemTitle {
		return title
	}
	end := maxItemTitle - len(more)
	for !utf8.RuneStart(title[end]) {
		end--
	}
	return title[:end] + more
}

func restoredWindow(from *actors.DigestWindow) *window {
	w := &window{key: from.Key, category: from.Category, tenant: from.Tenant, title: from.Title, opened: from.Opened, closes: from.Closes, total: from.Total}
	for _, n := range from.Items {
		w.add(item{id: actors.ID(n.Id), at: n.At, title: n.Title, url: n.Url, collapse: n.Collapse, expires: n.ExpiresAt})
	}
	return w
}

func (w *window) stored() *actors.DigestWindow {
	to := &actors.DigestWindow{Key: w.key, Category: w.category, Tenant: w.tenant, Title: w.title, Opened: w.opened, Closes: w.closes, Total: w.total}
	for i := range w.items {
		n := &w.items[i]
		to.Items = append(to.Items, &actors.DigestItem{Id: append([]byte(nil), n.id[:]...), At: n.at, Title: n.title, Url: n.url, Collapse: n.collapse, ExpiresAt: n.expires})
	}
	return to
}
