package transports

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"reddot/actors"
)

// auditKind is the kind of the records of the audit log. Their keys are ids, and
// so in the order of time.
const auditKind = "audit"

// The bounds of the log, and of a page of it.
const (
	maxAuditEntry = 8 << 10 // bytes; what is before and after is left out beyond it
	maxAuditScan  = 5_000   // entries that are looked at for one page
	auditPage     = 500
	// auditFailures is which part of the log's size failed logins may have: whoever
	// makes them pushes nothing else out.
	auditFailures = 4
)

// The actions of the audit log.
const (
	AuditKeyCreate        = "key.create"
	AuditKeyRevoke        = "key.revoke"
	AuditKeyRemove        = "key.remove"
	AuditDisconnect       = "user.disconnect" // with the revocation of the user's tokens
	AuditReconnect        = "user.reconnect"  // the revocation is lifted
	AuditErase            = "user.erase"
	AuditDrain            = "server.drain"
	AuditReload           = "config.reload"
	AuditApp              = "app.change" // an app is new, gone, or verifies tokens otherwise
	AuditSegmentPut       = "segment.put"
	AuditSegmentDrop      = "segment.delete"
	AuditCategoryPut      = "category.put"
	AuditCategoryDrop     = "category.delete"
	AuditPolicyPut        = "policy.put"
	AuditPolicyDrop       = "policy.delete"
	AuditDeny             = "deny.put"
	AuditUndeny           = "deny.delete"
	AuditAllow            = "allow.put"
	AuditUnallow          = "allow.delete"
	AuditTemplateWrite    = "template.write"
	AuditTemplateSubmit   = "template.submit"
	AuditTemplateApprove  = "template.approve"
	AuditTemplateReject   = "template.reject"
	AuditTemplatePublish  = "template.publish"
	AuditTemplateRollback = "template.rollback"
	AuditTemplateArchive  = "template.archive"
	AuditTemplateTest     = "template.test" // it was sent to a user who is for trying out
	AuditCampaignWrite    = "campaign.write"
	AuditCampaignSubmit   = "campaign.submit"
	AuditCampaignApprove  = "campaign.approve"
	AuditCampaignReject   = "campaign.reject"
	AuditCampaignArchive  = "campaign.archive"
	AuditCampaignStart    = "campaign.start"
	AuditCampaignPause    = "campaign.pause"
	AuditCampaignResume   = "campaign.resume"
	AuditCampaignCancel   = "campaign.cancel"
	AuditCampaignRetract  = "campaign.retract"
	AuditKeywordsChange   = "keywords.change"
	AuditKeywordsDrop     = "keywords.delete"
	AuditLoginFailed      = "login.failed"
)

// AuditActions are all of them.
var AuditActions = []string{AuditKeyCreate, AuditKeyRevoke, AuditKeyRemove, AuditDisconnect, AuditReconnect, AuditErase, AuditDrain, AuditReload, AuditApp, AuditSegmentPut, AuditSegmentDrop,
	AuditCategoryPut, AuditCategoryDrop, AuditPolicyPut, AuditPolicyDrop, AuditDeny, AuditUndeny, AuditAllow, AuditUnallow,
	AuditTemplateWrite, AuditTemplateSubmit, AuditTemplateApprove, AuditTemplateReject, AuditTemplatePublish, AuditTemplateRollback, AuditTemplateArchive, AuditTemplateTest,
	AuditCampaignWrite, AuditCampaignSubmit, AuditCampaignApprove, AuditCampaignReject, AuditCampaignArchive, AuditCampaignStart, AuditCampaignPause, AuditCampaignResume, AuditCampaignCancel, AuditCampaignRetract, AuditKeywordsChange, AuditKeywordsDrop, AuditLoginFailed}

// An AuditEntry says who does what. It is written before it is done: where that
// fails afterwards, another entry with Failed follows. It holds no secret.
type AuditEntry struct {
	ID     string          `json:"id"`
	At     time.Time       `json:"at"`
	App    string          `json:"app,omitempty"`    // whose it is; empty: the server's, for operators to see
	Actor  string          `json:"actor,omitempty"`  // a Principal's ID, "offline:USER", "signal"; empty: not known
	From   string          `json:"from,omitempty"`   // an address
	Action string          `json:"action"`           // of AuditActions
	Target string          `json:"target,omitempty"` // "key:ID", "user:NAME", "app:NAME", "segment:NAME", "keywords:LIST", "category:NAME", "template:NAME"
	Before json.RawMessage `json:"before,omitempty"`
	After  json.RawMessage `json:"after,omitempty"`
	Count  int             `json:"count,omitempty"`  // of failed logins that it stands for
	Failed string          `json:"failed,omitempty"` // why it was not done, or not let in
}

// Audit is the audit log. A nil one keeps no entry and lists none. It is safe for
// concurrent use.
type Audit struct {
	records actors.Records
	cfg     AuditConfig
	log     *slog.Logger
	written atomic.Int64 // bytes since the last sweep
	full    chan struct{}
	failed  failures

	ids  sync.Mutex // guards what follows
	last int64      // the millisecond of the last id
	nth  uint16     // and which of it that was
}

// AuditConfig bounds the log. Zero takes the default.
type AuditConfig struct {
	Keep time.Duration    `yaml:"keep"`              // how long entries are kept; 90 days
	Size int64            `yaml:"size" unit:"bytes"` // of all entries of all servers, in bytes; the oldest go first; 64 MiB
	Now  func() time.Time // the wall clock; nil: time.Now
}

// WithDefaults returns the configuration with numbers in all fields.
func (c AuditConfig) WithDefaults() AuditConfig {
	if c.Keep == 0 {
		c.Keep = 90 * 24 * time.Hour
	}
	if c.Size == 0 {
		c.Size = 64 << 20
	}
	return c
}

// NewAudit returns the log that is kept in the records.
func NewAudit(cfg AuditConfig, records actors.Records, log *slog.Logger) *Audit {
	cfg = cfg.WithDefaults()
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	return &Audit{records: records, cfg: cfg, log: log, full: make(chan struct{}, 1), failed: newFailures()}
}

// Do writes the entry, then calls act. If the entry can't be written it does not call
// act: nothing is done without an entry.
func (a *Audit) Do(ctx context.Context, e AuditEntry, act func() error) error {
	if err := a.Note(ctx, e); err != nil {
		return err
	}
	err := act()
	if err != nil {
		a.Undone(ctx, e, err)
	}
	return err
}

// Undone writes another entry, which says that the action has failed.
func (a *Audit) Undone(ctx context.Context, e AuditEntry, why error) {
	e.Failed = cutText(actors.AsError(why).Detail)
	if err := a.Note(ctx, e); err != nil {
		a.log.Error("the audit log says that something was done which failed, and can't be told", "action", e.Action, "target", e.Target, "err", err)
	}
}

// Note writes an entry; it is durable on return. ID and At are set here.
func (a *Audit) Note(ctx context.Context, e AuditEntry) error {
	if a == nil {
		return nil
	}
	e.At = a.cfg.Now().UTC().Truncate(time.Millisecond)
	e.ID = a.nextID(e.At)
	value, err := json.Marshal(e)
	if err == nil && len(value) > maxAuditEntry {
		e.Before, e.After = nil, json.RawMessage(`"it is too long for the log"`)
		value, err = json.Marshal(e)
	}
	if err != nil {
		return fmt.Errorf("audit %s: encode: %w", e.Action, err)
	}
	if err := a.records.PutRecord(ctx, auditKind, e.ID, value); err != nil {
		return fmt.Errorf("audit %s: store: %w", e.Action, err)
	}
	if a.written.Add(int64(len(e.ID)+len(value))) > a.cfg.Size/16 {
		select {
		case a.full <- struct{}{}:
		default:
		}
	}
	return nil
}

// nextID returns an id of the moment. Those of one millisecond are in the order in
// which they are asked for, up to 4,096 of a server.
func (a *Audit) nextID(at time.Time) string {
	a.ids.Lock()
	defer a.ids.Unlock()
	if ms := at.UnixMilli(); ms != a.last {
		a.last, a.nth = ms, 0
	} else {
		a.nth = min(a.nth+1, 1<<12-1)
	}
	id := actors.NewID()
	setAuditTime(&id, at)
	id[6], id[7] = 7<<4|byte(a.nth>>8), byte(a.nth)
	return id.String()
}

func setAuditTime(id *actors.ID, at time.Time) {
	var ms [8]byte
	binary.BigEndian.PutUint64(ms[:], uint64(max(0, at.UnixMilli())))
	copy(id[:6], ms[2:])
}

// An AuditQuery says which entries are wanted. Empty fields want all.
type AuditQuery struct {
	All           bool   // of every app, and the server's; else those of App
	App           string // empty with All: whichever
	Action, Actor string
	Since, Until  time.Time // from, and before
	After         string    // the id behind which to go on
	Limit         int
}

func (q *AuditQuery) wants(e *AuditEntry) bool {
	return (q.All && q.App == "" || e.App == q.App) && (q.Action == "" || e.Action == q.Action) && (q.Actor == "" || e.Actor == q.Actor) &&
		!e.At.Before(q.Since)
}

// List returns entries, the oldest first, and the id behind which to go on; empty:
// there are no more. A page may be short, or empty, where many are not wanted.
func (a *Audit) List(ctx context.Context, q AuditQuery) (entries []AuditEntry, next string, err error) {
	entries = []AuditEntry{}
	if q.After == "" && !q.Since.IsZero() {
		var id actors.ID
		setAuditTime(&id, q.Since)
		q.After = id.String()
	}
	after := q.After
	for seen := 0; seen < maxAuditScan; seen += auditPage {
		list, err := a.records.ListRecords(ctx, auditKind, after, auditPage)
		if err != nil {
			return nil, "", fmt.Errorf("audit: list: %w", err)
		}
		for _, r := range list {
			var e AuditEntry
			if err := json.Unmarshal(r.Value, &e); err != nil {
				return nil, "", fmt.Errorf("audit: entry %s: decode: %w", r.Key, err)
			}
			if !q.Until.IsZero() && !e.At.Before(q.Until) {
				return entries, "", nil
			}
			if len(entries) == q.Limit {
				return entries, after, nil
			}
			if after = r.Key; q.wants(&e) {
				entries = append(entries, e)
			}
		}
		if len(list) < auditPage {
			return entries, "", nil
		}
	}
	return entries, after, nil
}

// Sweep removes what is too old, and the oldest of what is too much; of failed
// logins those beyond their part.
func (a *Audit) Sweep(ctx context.Context) error {
	a.written.Store(0)
	var oldest actors.ID
	setAuditTime(&oldest, a.cfg.Now().Add(-a.cfg.Keep))
	limit := oldest.String()
	var all, failed int64
	err := EachRecord(ctx, a.records, auditKind, func(r actors.Record) error {
		if r.Key < limit {
			return a.records.DeleteRecord(ctx, auditKind, r.Key)
		}
		all += sizeOf(r)
		if isFailure(r) {
			failed += sizeOf(r)
		}
		return nil
	})
	if err != nil {
		return err
	}
	tooMany := failed - a.cfg.Size/auditFailures
	tooMuch := all - max(0, tooMany) - a.cfg.Size
	if tooMany <= 0 && tooMuch <= 0 {
		return nil
	}
	err = EachRecord(ctx, a.records, auditKind, func(r actors.Record) error {
		switch {
		case tooMany > 0 && isFailure(r):
			tooMany -= sizeOf(r)
		case tooMuch > 0:
			tooMuch -= sizeOf(r)
		case tooMany <= 0:
			return errSwept
		default:
			return nil
		}
		return a.records.DeleteRecord(ctx, auditKind, r.Key)
	})
	if errors.Is(err, errSwept) {
		return nil
	}
	return err
}

var errSwept = errors.New("it is small enough")

func sizeOf(r actors.Record) int64 { return int64(len(r.Key) + len(r.Value)) }

func isFailure(r actors.Record) bool {
	return bytes.Contains(r.Value, []byte(`"action":"`+AuditLoginFailed+`"`))
}

// cutText bounds a sentence that may repeat what a client sent.
func cutText(s string) string {
	const most = 256
	if len(s) > most {
		return s[:most] + "…"
	}
	return s
}

// auditEvery is how often failed logins are written down.
const auditEvery = time.Minute

// Run writes failed logins down from time to time, and sweeps, until ctx ends.
func (a *Audit) Run(ctx context.Context) {
	notes, sweeps := time.NewTicker(auditEvery), time.NewTicker(time.Hour)
	defer notes.Stop()
	defer sweeps.Stop()
	for {
		var err error
		select {
		case <-ctx.Done():
			return
		case <-notes.C:
			err = a.NoteFailures(ctx)
		case <-sweeps.C:
			err = a.Sweep(ctx)
		case <-a.full:
			err = a.Sweep(ctx)
		}
		if err != nil && ctx.Err() == nil {
			a.log.Warn("the audit log can't be kept up to date", "err", err)
		}
	}
}

// EachRecord calls f with every record of the kind, read in pages.
func EachRecord(ctx context.Context, records actors.Records, kind string, f func(actors.Record) error) error {
	const page = 500
	after := ""
	for {
		list, err := records.ListRecords(ctx, kind, after, page)
		if err != nil {
			return err
		}
		for _, r := range list {
			if err := f(r); err != nil {
				return fmt.Errorf("record %s/%s: %w", kind, r.Key, err)
			}
			after = r.Key
		}
		if len(list) < page {
			return nil
		}
	}
}
