package api

import (
	"fmt"
	"net/url"
	"strings"
	"unicode/utf8"

	"github.com/valyala/fasthttp"

	"reddot/actors"
	"reddot/transports"
	"reddot/transports/jsontext"
)

// messageType is the datacontenttype of an event whose data is a whole message
// as POST /v1/users/{user}/messages takes it.
const messageType = "application/vnd.reddot.message+json"

// maxAttribute is the length of a context attribute in bytes; CloudEvents asks
// that events stay below 64 KiB altogether.
const maxAttribute = 1 << 10

// A cloudEvent is an event (CloudEvents 1.0.2) that is to become a message:
// its subject is the user, its type the category, its data the message's data, and
// its extension attribute tenant the tenant.
// Data that is text becomes the body, and data of messageType is a message of
// its own. Attributes beyond these are let pass: the format is open.
type cloudEvent struct {
	draft *draft

	specversion, id, source, kind, user, contentType, time, tenant string
	data                                                           []byte // as it stands; nil: none
	base64                                                         bool
}

// set notes a context attribute. What it does not know it ignores.
func (e *cloudEvent) set(name, value string) {
	switch name {
	case "specversion":
		e.specversion = value
	case "id":
		e.id = value
	case "source":
		e.source = value
	case "type":
		e.kind = value
	case "subject":
		e.user = value
	case "datacontenttype":
		e.contentType = value
	case "time":
		e.time = value
	case "tenant":
		e.tenant = value
	}
}

// parse reads an event in the JSON format.
func (e *cloudEvent) parse(src []byte, now int64) error {
	*e = cloudEvent{draft: e.draft}
	var s jsontext.Scanner
	s.Reset(src, e.draft.lim.Depth+1)
	if !s.Take('{', "no object") {
		return s.Err()
	}
	seen := map[string]bool{}
	for first := true; ; first = false {
		name, more := s.Member(first)
		if !more {
			break
		}
		attribute := name.String()
		if seen[attribute] {
			return wrong(transports.ShownField(attribute), "the attribute stands twice")
		}
		seen[attribute] = true
		if err := e.member(&s, attribute); err != nil {
			return err
		}
	}
	if s.Bad() || !s.End() {
		return s.Err()
	}
	return e.complete(now)
}

// member reads one member of the JSON format (section 3).
func (e *cloudEvent) member(s *jsontext.Scanner, name string) error {
	if s.Peek() == '"' && name != "data" {
		t, ok := s.Text()
		if !ok {
			return s.Err()
		}
		if name == "data_base64" {
			e.base64 = true
			return nil
		}
		if t.Size > maxAttribute {
			return large(transports.ShownField(name), maxAttribute)
		}
		e.set(name, t.String())
		return nil
	}
	raw, ok := s.Raw()
	switch {
	case !ok:
		return s.Err()
	case name == "data":
		e.data = raw
	case string(raw) == "null": // as if it were absent
	case raw[0] == '{' || raw[0] == '[' || isAttribute(name):
		return wrong(transports.ShownField(name), "this attribute must be a string")
	}
	return nil
}

// isAttribute tells whether the name is one of those that are strings.
func isAttribute(name string) bool {
	switch name {
	case "specversion", "id", "source", "type", "subject", "datacontenttype", "time", "data_base64", "tenant":
		return true
	}
	return false
}

// readHeaders reads an event in HTTP's binary mode: attributes in headers
// ce-…, data as the body (HTTP protocol binding 1.0.2, section 3.1).
func (e *cloudEvent) readHeaders(h *fasthttp.RequestHeader, body []byte, now int64) error {
	*e = cloudEvent{draft: e.draft}
	seen := map[string]bool{}
	for k, v := range h.All() {
		name, ok := strings.CutPrefix(strings.ToLower(string(k)), "ce-")
		if !ok {
			continue
		}
		if seen[name] {
			return wrong("ce-"+transports.ShownField(name), "the header stands twice")
		}
		seen[name] = true
		value, err := url.PathUnescape(string(v))
		if err != nil || !utf8.ValidString(value) {
			return wrong("ce-"+transports.ShownField(name), "it is not percent-encoded UTF-8")
		}
		if len(value) > maxAttribute {
			return large("ce-"+transports.ShownField(name), maxAttribute)
		}
		e.set(name, value)
	}
	if e.specversion == "" {
		return wrong("Content-Type", "an event comes as "+typeEvent+", as "+typeEvents+", or with its attributes in headers ce-…")
	}
	e.contentType = mediaType(h.ContentType())
	if len(body) > 0 {
		e.data = body
		if strings.HasPrefix(e.contentType, "text/") {
			if !utf8.Valid(body) {
				return wrong("data", "it is no UTF-8")
			}
			e.data = jsontext.AppendString(nil, string(body))
		}
	}
	return e.complete(now)
}

// complete checks the event and makes a draft of it.
func (e *cloudEvent) complete(now int64) error {
	switch {
	case e.specversion != "1.0":
		return wrong("specversion", "it must be 1.0")
	case e.id == "":
		return wrong("id", "it is missing")
	case e.source == "":
		return wrong("source", "it is missing")
	case e.kind == "":
		return wrong("type", "it is missing")
	case e.base64:
		return wrong("data_base64", "binary data is not enabled; send JSON or text")
	}
	if e.time != "" {
		if _, ok := actors.ParseTime(e.time); !ok {
			return wrong("time", "it must be a time as RFC 3339 has it")
		}
	}
	if e.user == "" {
		return wrong("subject", "it is missing: the subject is the user whom the event is for")
	}
	if _, err := transports.ParseUser(e.user); err != nil {
		return wrong("subject", detail(err))
	}
	if len(e.kind) > e.draft.lim.Category || !transports.IsLabel([]byte(e.kind)) {
		return wrong("type", fmt.Sprintf("it is the message's category: 1 to %d characters of A-Z a-z 0-9 . _ : -", e.draft.lim.Category))
	}
	if _, err := transports.LabelParam("tenant", []byte(e.tenant), transports.MaxTenant); err != nil {
		return err
	}
	return e.fill(now)
}

// fill makes the draft.
func (e *cloudEvent) fill(now int64) error {
	d := e.draft
	kind := mediaType([]byte(e.contentType))
	switch {
	case kind == messageType:
		if err := d.parse(e.data, fieldsMessage, now); err != nil {
			return err
		}
	case e.data == nil:
		return wrong("data", "it is missing")
	case kind == "" || kind == "application/json" || strings.HasSuffix(kind, "+json"):
		if err := d.parse(wrap(`{"data":`, e.data), fieldData, now); err != nil {
			return err
		}
	case strings.HasPrefix(kind, "text/"):
		if err := d.parse(wrap(`{"body":`, e.data), fieldBody, now); err != nil {
			return err
		}
	default:
		return wrong("datacontenttype", "data must be JSON or text")
	}
	if d.category == "" {
		d.category = e.kind
	}
	if d.tenant == "" {
		d.tenant = e.tenant
	}
	return d.complete()
}

// wrap makes an object of one member.
func wrap(head string, value []byte) []byte {
	b := make([]byte, 0, len(head)+len(value)+1)
	b = append(b, head...)
	b = append(b, value...)
	return append(b, '}')
}

// publication returns the message and what makes it happen once: source and id
// name an event (CloudEvents, section 3.1). A line feed, which no
// Idempotency-Key has, keeps the two apart.
func (e *cloudEvent) publication(caller string) (*publication, actors.Once) {
	p := e.draft.publication(actors.NewID())
	said := [][]byte{[]byte(e.user), []byte(p.message.Category), p.message.Content}
	if p.message.Tenant != "" {
		said = append(said, []byte(p.message.Tenant))
	}
	return p, actors.CallersOnce(caller, "event\n"+e.source+"\n"+e.id, said...)
}
