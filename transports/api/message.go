package api

import (
	"time"

	"reddot/actors"
	"reddot/transports"
	"reddot/transports/api/composed"
	"reddot/transports/api/judges"
	"reddot/transports/api/words"
	"reddot/transports/jsontext"
)

// MessageLimits bound what one message may hold. A zero field is its default.
type MessageLimits struct {
	Title       int           // bytes of title; 0: 1 KiB
	Text        int           // bytes of body; 0: 64 KiB
	Data        int           // bytes of data without white space; 0: 64 KiB
	URL         int           // bytes of url; 0: 2 KiB
	Category    int           // bytes of category; 0: 64
	CollapseKey int           // bytes of collapse_key; 0: 128
	Depth       int           // how deep data may nest; 0: 64
	Users       int           // users of one send; 0: 1,000
	Late        time.Duration // how far expires_at and send_at may be past, since clocks differ and a repeat may be late; 0: as long as its key is kept
}

// fill puts the defaults in.
func (l *MessageLimits) fill() {
	orInt(&l.Title, 1<<10)
	orInt(&l.Text, 64<<10)
	orInt(&l.Data, 64<<10)
	orInt(&l.URL, 2<<10)
	orInt(&l.Category, transports.MaxCategory)
	orInt(&l.CollapseKey, 128)
	orInt(&l.Depth, transports.MaxDepth)
	orInt(&l.Users, 1000)
	orDuration(&l.Late, actors.CallerKeyAge*time.Millisecond)
}

// A field names a member of a message's JSON object.
type field uint16

// The members of a message, each a bit. What stands in an order's body beside
// the message itself comes last.
const (
	fieldTitle field = 1 << iota
	fieldBody
	fieldData
	fieldURL
	fieldActions
	fieldCategory
	fieldTenant
	fieldPriority
	fieldCollapseKey
	fieldExpiresAt
	fieldSendAt
	fieldPolicy
	fieldTemplate
	fieldTo
	fieldIdempotencyKey
	fieldLater // channels: known, and not enabled

	fieldsContent = fieldTitle | fieldBody | fieldData | fieldURL | fieldActions
	fieldsMessage = fieldTo - 1
	fieldsEdit    = fieldsContent | fieldCategory | fieldPriority | fieldExpiresAt
)

// fieldOf returns the field of the name; 0 if there is none.
func fieldOf(name jsontext.Text) field {
	switch string(name.Bytes()) {
	case "title":
		return fieldTitle
	case "body":
		return fieldBody
	case "data":
		return fieldData
	case "url":
		return fieldURL
	case "actions":
		return fieldActions
	case "category":
		return fieldCategory
	case "tenant":
		return fieldTenant
	case "priority":
		return fieldPriority
	case "collapse_key":
		return fieldCollapseKey
	case "expires_at":
		return fieldExpiresAt
	case "send_at":
		return fieldSendAt
	case "to":
		return fieldTo
	case "idempotency_key":
		return fieldIdempotencyKey
	case "policy":
		return fieldPolicy
	case "template":
		return fieldTemplate
	case "channels":
		return fieldLater
	}
	return 0
}

// A draft is a message as its JSON says it, checked. It points into the source
// and into its own buffers: it is good until the next parse.
type draft struct {
	has      field // what stands in it
	nulls    field // what of that an edit removes
	patch    bool  // it is an edit
	title    jsontext.Text
	body     jsontext.Text
	link     jsontext.Text
	data     []byte
	actions  []byte
	category string
	tenant   string
	collapse string
	priority actors.Priority
	expires  int64 // unix milliseconds; 0: never
	send     int64 // unix milliseconds; 0: at once
	once     string
	to       target
	policy   judges.Ref
	template *composed.Order // what it is made of; nil: it is written as it is
	said     *actors.Message // what that says, once it was rendered
	governs  *actors.Policy  // what judges it, once that was found; nil: nothing does
	stop     *words.Stop     // why keyword lists stop it; nil: they do not

	lim     *MessageLimits
	now     int64
	in      transports.FieldReader
	buf     []byte // data
	buttons []byte // actions
	scratch []byte // a decoded string
}

// parse reads the object src. allow says which fields may stand in it; now is
// the present in unix milliseconds.
func (d *draft) parse(src []byte, allow field, now int64) error {
	*d = draft{lim: d.lim, now: now, patch: d.patch, buf: d.buf[:0], buttons: d.buttons[:0], scratch: d.scratch[:0], to: target{users: d.to.users[:0]}}
	d.in.Reset(src, d.lim.Depth)
	s := &d.in.Scanner
	if !s.Take('{', "no object") {
		return s.Err()
	}
	for first := true; ; first = false {
		name, more := s.Member(first)
		if !more {
			break
		}
		if err := d.member(name, allow); err != nil {
			return err
		}
	}
	if s.Bad() || !s.End() {
		return s.Err()
	}
	return nil
}

// forget lets go of the source.
func (d *draft) forget() {
	clear(d.to.users)
	d.in.Forget()
}

// member reads one member's value.
func (d *draft) member(name jsontext.Text, allow field) error {
	f := fieldOf(name)
	switch {
	case f == 0:
		return wrong(shown(name), "there is no such field")
	case f == fieldLater:
		return wrong(name.String(), "this field is not enabled")
	case f&allow == 0 && f == fieldTo:
		return wrong("to", "it has no place here: the path says whom it is for")
	case f&allow == 0:
		return wrong(name.String(), "it has no place here")
	case f&d.has != 0:
		return transports.TwiceField(name.String())
	}
	d.has |= f
	if d.null() {
		d.nulls |= f
		return nil
	}
	return d.value(f)
}

func (d *draft) value(f field) (err error) {
	switch f {
	case fieldTitle:
		d.title, err = d.in.TextField("title", d.lim.Title)
	case fieldBody:
		d.body, err = d.in.TextField("body", d.lim.Text)
	case fieldData:
		err = d.readData()
	case fieldURL:
		d.link, err = d.in.URLField("url", d.lim.URL)
	case fieldActions:
		err = d.readActions()
	case fieldCategory:
		d.category, err = d.in.LabelField("category", d.lim.Category)
	case fieldTenant:
		d.tenant, err = d.in.LabelField("tenant", transports.MaxTenant)
	case fieldPriority:
		err = d.readPriority()
	case fieldCollapseKey:
		err = d.readCollapseKey()
	case fieldExpiresAt:
		d.expires, err = d.time("expires_at")
	case fieldSendAt:
		d.send, err = d.time("send_at")
	case fieldPolicy:
		d.policy, err = judges.ReadRef(&d.in)
	case fieldTemplate:
		d.template, err = composed.Read(&d.in)
	case fieldTo:
		err = d.readTo()
	case fieldIdempotencyKey:
		err = d.readOnce()
	}
	return err
}

func (d *draft) readData() error {
	var ok bool
	if d.buf, ok = d.in.Value(d.buf); !ok {
		return d.in.Err()
	}
	if len(d.buf) > d.lim.Data {
		return large("data", d.lim.Data)
	}
	if d.data = d.buf; string(d.data) == "null" {
		d.has &^= fieldData // an edit could not tell it from none
	}
	return nil
}

func (d *draft) readPriority() error {
	t, err := d.in.TextField("priority", 64)
	if err != nil {
		return err
	}
	p, ok := actors.ParsePriority(t.String())
	if !ok || t.Size == 0 {
		return wrong("priority", "it must be low, normal, high or critical")
	}
	d.priority = p
	return nil
}

func (d *draft) readCollapseKey() error {
	t, err := d.in.TextField("collapse_key", d.lim.CollapseKey)
	if err != nil {
		return err
	}
	if t.Size == 0 {
		return wrong("collapse_key", "it is empty; leave it out instead")
	}
	d.collapse = t.String()
	return nil
}

// time reads a time as unix milliseconds. What is past by less than a key is kept
// is taken as it is: the message may be a repeat.
func (d *draft) time(name string) (int64, error) {
	return d.in.TimeField(name, d.now-d.lim.Late.Milliseconds())
}

func (d *draft) readOnce() error {
	t, err := d.in.TextField("idempotency_key", maxOnce)
	if err != nil {
		return err
	}
	d.scratch = t.AppendTo(d.scratch[:0])
	d.once = string(d.scratch)
	return checkOnce(d.scratch, "idempotency_key")
}

// complete checks what holds between the fields of a new message.
func (d *draft) complete() error {
	switch {
	case d.template == nil && d.has&(fieldTitle|fieldBody|fieldData) == 0:
		return wrong("body", "a message needs at least one of title, body, data, template")
	case d.template != nil && d.has&fieldsContent != 0:
		return wrong("template", "it says what title, body, data and url are: leave them out")
	}
	if d.send <= d.now {
		d.send = 0
	}
	if d.expires != 0 && d.send != 0 && d.expires <= d.send {
		return wrong("expires_at", "it must come after send_at")
	}
	return nil
}

// appendContent appends what actors.Message.Content holds, as far as it is in
// the set of fields.
func (d *draft) appendContent(b []byte, has field) []byte {
	n := len(b)
	next := func(name string) {
		if len(b) > n {
			b = append(b, ',')
		}
		b = append(b, name...)
	}
	if has&fieldTitle != 0 {
		next(`"title":`)
		b = d.title.AppendJSON(b)
	}
	if has&fieldBody != 0 {
		next(`"body":`)
		b = d.body.AppendJSON(b)
	}
	if has&fieldData != 0 {
		next(`"data":`)
		b = append(b, d.data...)
	}
	if has&fieldURL != 0 {
		next(`"url":`)
		b = d.link.AppendJSON(b)
	}
	if has&fieldActions != 0 {
		next(`"actions":`)
		b = append(b, d.actions...)
	}
	return b
}

// A publication is what one publish needs besides its request, in one piece.
type publication struct {
	publish actors.Publish
	message actors.Message
	id      actors.ID
}

// publication returns the draft as a new message with the id. Nothing of it
// points into the source.
func (d *draft) publication(id actors.ID) *publication {
	p := &publication{id: id}
	size := len(`"title":,"body":,"data":,"url":,"actions":`) + len(d.title.Raw) + len(d.body.Raw) + len(d.data) + len(d.link.Raw) + len(d.actions) + 6
	p.message.Id = p.id[:]
	p.message.Category = d.category
	if d.category == "" {
		p.message.Category = actors.DefaultCategory
	}
	p.message.Tenant = d.tenant
	p.message.Priority = d.priority
	p.message.Content = d.appendContent(make([]byte, 0, size), d.has)
	p.message.ExpiresAt = d.expires
	p.message.SendAt = d.send
	p.message.CollapseKey = d.collapse
	p.message.CreatedAt = d.now
	p.message.Policy = d.governs
	p.message.Screened = d.stop.Verdict()
	if d.said != nil {
		d.composed(&p.message)
	}
	p.publish = actors.Publish{Message: &p.message}
	return p
}

// wrong is what is said of a field that breaks a rule.
func wrong(name, detail string) error { return transports.WrongField(name, detail) }

// large is what is said of a field that is too long.
func large(name string, limit int) error { return transports.LargeField(name, limit) }

// shown returns a member's name as an error repeats it.
func shown(name jsontext.Text) string { return transports.ShownField(name.String()) }
