package api

import (
	"strconv"

	"github.com/valyala/fasthttp"

	"reddot/actors"
	"reddot/actors/audience"
	"reddot/transports/api/results"
	"reddot/transports/jsontext"
)

// dryParam is the query parameter of all that publishes: with true nothing is written,
// and the answer says what would be.
const dryParam = "dry_run"

// dryUsers is for how many users of one send a dry run says what would become of it.
const dryUsers = 100

// readDryRun reads the parameter.
func (c *call) readDryRun() error {
	q := c.QueryArgs()
	switch text := string(q.Peek(dryParam)); {
	case text == "true":
		c.dry = true
	case text != "false" && q.Has(dryParam):
		return wrong(dryParam, "it must be true or false")
	}
	return nil
}

// rehearsed returns the command, or the dry run of it.
func rehearsed(dry bool, cmd actors.Command) actors.Command {
	if dry {
		return &actors.DryRun{Of: cmd}
	}
	return cmd
}

// answerDry answers the dry run of a publish to one user.
func (c *call) answerDry(r *actors.Request) error {
	c.out = append(results.AppendDry(append(c.out[:0], '{'), &r.Answer, results.IsPublish), '}')
	c.replayed(r)
	r.Release()
	c.reply(fasthttp.StatusOK, c.out)
	return nil
}

// answerDrySend answers the dry run of a send: how many users there are, and what would
// become of it with the first of them.
func (c *call) answerDrySend(r *actors.Request, d *draft) error {
	c.replayed(r)
	b := results.AppendDry(append(c.out[:0], '{'), &r.Answer, d.to.recipients())
	replayed := r.Answer.Replayed
	r.Release()
	if !replayed {
		var err error
		if b, err = c.appendRehearsals(b, d, d.to.users[:min(len(d.to.users), dryUsers)]); err != nil {
			return err
		}
	}
	c.out = append(b, '}')
	c.reply(fasthttp.StatusOK, c.out)
	return nil
}

// answerDryBroadcast answers the dry run of a broadcast: how many users there are whom it
// would reach now, and what would become of it with the first of them. How many there are of
// all is not known.
func (c *call) answerDryBroadcast(r *actors.Request, d *draft) error {
	c.replayed(r)
	defer r.Release()
	b := results.AppendDry(append(c.out[:0], '{'), &r.Answer, d.to.recipients())
	if !d.to.audience.All && !r.Answer.Replayed {
		s, err := audience.Of(d.to.audience)
		if err != nil {
			return err
		}
		users, n, err := c.found(c.api.deadlines.Next(), s, true)
		if err != nil {
			return err
		}
		b = strconv.AppendInt(append(b, `,"recipients":`...), int64(n), 10)
		if b, err = c.appendRehearsals(b, d, users); err != nil {
			return err
		}
	}
	c.out = append(b, '}')
	c.reply(fasthttp.StatusOK, c.out)
	return nil
}

// appendRehearsals appends what would become of a message with each of some users.
func (c *call) appendRehearsals(b []byte, d *draft, users []string) ([]byte, error) {
	b = append(b, `,"users":[`...)
	for i, user := range users {
		p := d.publication(actors.NewID())
		p.message.Shared = true
		r, err := c.ask(actors.UserKey(c.who.App, user), &actors.DryRun{Of: &p.publish}, actors.Once{})
		e := actors.AsError(err)
		if err != nil && (e.Temporary() || e.Code == actors.Internal) {
			return nil, err
		}
		if i > 0 {
			b = append(b, ',')
		}
		b = jsontext.AppendString(append(b, `{"user":`...), user)
		if err != nil { // a send goes on without the user
			b = append(jsontext.AppendString(append(b, `,"outcome":"filtered","reason":`...), e.Detail), '}')
			continue
		}
		b = append(results.AppendOutcome(b, &r.Answer), '}')
		r.Release()
	}
	return append(b, ']'), nil
}
