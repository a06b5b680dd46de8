package api

import (
	"github.com/valyala/fasthttp"

	"reddot/actors"
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

// answerDry answers the dry run of a publish to one user, or of a broadcast.
func (c *call) answerDry(r *actors.Request, recipients int) error {
	c.out = append(results.AppendDry(append(c.out[:0], '{'), &r.Answer, recipients), '}')
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
	for i, user := range d.to.users[:min(len(d.to.users), dryUsers)] {
		if replayed {
			break
		}
		p := d.publication(actors.NewID())
		p.message.Shared = true
		r, err := c.ask(actors.UserKey(c.who.App, user), &actors.DryRun{Of: &p.publish}, actors.Once{})
		e := actors.AsError(err)
		if err != nil && (e.Temporary() || e.Code == actors.Internal) {
			return err
		}
		b = append(b, map[bool]string{true: `,"users":[{"user":`, false: `,{"user":`}[i == 0]...)
		b = jsontext.AppendString(b, user)
		if err != nil { // a send goes on without the user
			b = append(jsontext.AppendString(append(b, `,"outcome":"filtered","reason":`...), e.Detail), '}')
			continue
		}
		b = append(results.AppendOutcome(b, &r.Answer), '}')
		r.Release()
	}
	if !replayed {
		b = append(b, ']')
	}
	c.out = append(b, '}')
	c.reply(fasthttp.StatusOK, c.out)
	return nil
}
