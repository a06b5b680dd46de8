package campaigns

import (
	"encoding/hex"
	"encoding/json"
	"fmt"

	"github.com/valyala/fasthttp"

	"reddot/actors"
	"reddot/actors/campaign/plan"
	"reddot/actors/reviewed"
	"reddot/transports"
	"reddot/transports/api/resource"
	"reddot/transports/api/review"
)

// start is POST /v1/campaigns/{id}/start: an approved version begins.
func (r *Campaigns) start(c resource.Call) error {
	name, err := review.ID(c)
	if err != nil {
		return err
	}
	version, err := readVersion(c)
	if err != nil {
		return err
	}
	once, err := c.Once()
	if err != nil {
		return err
	}
	if known, err := r.repeats(c, name, once); known || err != nil {
		return err
	}
	t, _, v, err := r.review.Store.Open(c.Deadline(), c.Who().App, name, version)
	switch {
	case err != nil:
		return err
	case !v.Sendable():
		return actors.Errorf(actors.Conflict, "version %d of the campaign %s is %s: only what was approved is sent", v.Number, name, v.State)
	}
	p, err := r.planOf(c, t)
	if err != nil {
		return err
	}
	if p.Hash, err = hex.DecodeString(v.Hash); err != nil {
		return fmt.Errorf("the hash of the campaign %s: %w", name, err)
	}
	p.Version, p.By = v.Number, c.Who().ID
	after, err := json.Marshal(map[string]any{"version": v.Number, "hash": v.Hash})
	if err != nil {
		return fmt.Errorf("encode what is noted: %w", err)
	}
	return r.tell(c, name, transports.AuditCampaignStart, &actors.StartCampaign{Plan: p}, once, after)
}

// readVersion reads the body {"version":…}, which may be missing; 0: the newest.
func readVersion(c resource.Call) (version uint64, err error) {
	body, err := c.ReadBody(0)
	if err != nil || len(body) == 0 {
		return 0, err
	}
	in := c.Fields()
	err = in.Whole(body, func(name string) (err error) {
		if name != "version" {
			return transports.WrongField(transports.ShownField(name), "there is no such field; there is version")
		}
		version, err = review.ReadVersion(in, name)
		return err
	})
	return version, err
}

// planOf returns what a start of the text does.
func (r *Campaigns) planOf(c resource.Call, t *plan.Text) (*actors.CampaignPlan, error) {
	id := actors.NewID()
	p := &actors.CampaignPlan{Id: id[:]}
	for i, arm := range t.All() {
		m, to, err := order(c, t, i, true)
		if err != nil {
			return nil, err
		}
		p.Audience = to
		p.Arms = append(p.Arms, &actors.CampaignArm{Name: arm.Name, Weight: uint32(max(arm.Weight, 1)), Message: m})
	}
	if err := t.Fill(p, r.Now().UnixMilli()); err != nil {
		return nil, err
	}
	return p, nil
}

// steer is POST /v1/campaigns/{id}/pause and the like.
func (r *Campaigns) steer(c resource.Call, to actors.Steering) error {
	name, err := review.ID(c)
	if err != nil {
		return err
	}
	if body, err := c.ReadBody(0); err != nil || len(body) > 0 {
		if err == nil {
			err = &actors.Error{Code: actors.Invalid, Detail: "the body must be empty"}
		}
		return err
	}
	once, err := c.Once()
	if err != nil {
		return err
	}
	if known, err := r.repeats(c, name, once); known || err != nil {
		return err
	}
	return r.tell(c, name, auditOfSteering[to], &actors.SteerCampaign{To: to, By: c.Who().ID}, once, nil)
}

// auditOfSteering are the actions of the audit log.
var auditOfSteering = [actors.NumSteerings]string{
	actors.PauseCampaign: transports.AuditCampaignPause, actors.ResumeCampaign: transports.AuditCampaignResume,
	actors.CancelCampaign: transports.AuditCampaignCancel, actors.RetractCampaign: transports.AuditCampaignRetract,
}

// repeats tells whether a request was answered before under its key, and answers it again: also
// where it could not be made anew, for the template or the segment is gone.
func (r *Campaigns) repeats(c resource.Call, name string, once actors.Once) (bool, error) {
	if once.Edge {
		return false, nil
	}
	known, b, err := r.ask(c, name, "", once)
	if err != nil && actors.AsError(err).Code == actors.NotFound {
		return false, nil // it was never started
	}
	if !known || err != nil {
		return false, err
	}
	resource.Replayed(c, true)
	c.Reply(fasthttp.StatusOK, b)
	return true, nil
}

// tell writes down what the campaign is told, tells it, and answers how it stands.
func (r *Campaigns) tell(c resource.Call, name, action string, cmd actors.Command, once actors.Once, after []byte) error {
	noting := c.Noting(action, "campaign:"+name)
	if err := noting.Note(c.Deadline(), nil, after); err != nil {
		return err
	}
	q := actors.NewRequest(actors.CampaignKey(c.Who().App, name), cmd)
	q.Once = once
	if err := r.Router.Ask(c.Deadline(), q); err != nil {
		noting.Undone(c.Deadline(), err)
		return err
	}
	resource.Replayed(c, q.Answer.Replayed)
	q.Release()
	_, b, err := r.ask(c, name, "", actors.Once{})
	if err != nil {
		return err
	}
	c.Reply(fasthttp.StatusOK, b)
	return nil
}

// ask asks how a campaign stands, or which arm is a user's, and whether it knows a key.
func (r *Campaigns) ask(c resource.Call, name, user string, once actors.Once) (known bool, answer []byte, err error) {
	q := actors.NewRequest(actors.CampaignKey(c.Who().App, name), &actors.ReadCampaign{User: user})
	q.Once = once
	if err := r.Router.Ask(c.Deadline(), q); err != nil {
		return false, nil, err
	}
	defer q.Release()
	return q.Answer.Replayed, append([]byte(nil), q.Answer.Body...), nil
}

// more shows how the campaign stands, if it was started.
func (r *Campaigns) more(c resource.Call, b []byte, h *reviewed.Head) ([]byte, error) {
	_, run, err := r.ask(c, h.ID, "", actors.Once{})
	if err != nil {
		if actors.AsError(err).Code == actors.NotFound {
			return b, nil
		}
		return nil, err
	}
	return append(append(b, `,"run":`...), run...), nil
}

// arm is GET /v1/campaigns/{id}/arm?user=…: which arm is a user's.
func (r *Campaigns) arm(c resource.Call) error {
	name, err := review.ID(c)
	if err != nil {
		return err
	}
	user, err := c.Who().Resolve(string(c.HTTP().QueryArgs().Peek("user")))
	if err != nil {
		return err
	}
	_, b, err := r.ask(c, name, user, actors.Once{})
	if err != nil {
		return err
	}
	c.Reply(fasthttp.StatusOK, b)
	return nil
}
