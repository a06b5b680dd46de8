package results

import (
	"strconv"

	"reddot/actors"
	"reddot/transports/jsontext"
)

// AppendDry appends the members of a dry run's answer. recipients is as in Pipeline.Send.
func AppendDry(b []byte, a *actors.Answer, recipients int) []byte {
	b = append(b, `"dry_run":true`...)
	if a.Replayed {
		b = append(a.ID.Append(append(b, `,"replayed":true,"id":"`...)), '"')
	}
	switch {
	case recipients == IsPublish:
		b = AppendOutcome(b, a)
	case recipients > 0:
		b = strconv.AppendInt(append(b, `,"recipients":`...), int64(recipients), 10)
	}
	return b
}

// AppendOutcome appends what would become of a message to one user.
func AppendOutcome(b []byte, a *actors.Answer) []byte {
	b = append(append(b, `,"outcome":"`...), a.Outcome.String()...)
	b = append(b, '"')
	if a.Reason != "" {
		b = jsontext.AppendString(append(b, `,"reason":`...), a.Reason)
	}
	if len(a.Body) > 0 {
		b = append(append(b, `,"rules":`...), a.Body...)
	}
	return append(append(b, `,"counts":`...), a.Counts...)
}

// AppendPublished appends the members of a publish's answer.
func AppendPublished(b []byte, a *actors.Answer) []byte {
	b = append(b, `"id":"`...)
	b = a.ID.Append(b)
	b = append(b, `","rev":`...)
	b = strconv.AppendUint(b, a.Rev, 10)
	b = append(b, `,"counts":`...)
	b = append(b, a.Counts...)
	b = append(b, `,"outcome":"`...)
	b = append(b, a.Outcome.String()...)
	b = append(b, '"')
	if a.Reason != "" {
		b = append(b, `,"reason":`...)
		b = jsontext.AppendString(b, a.Reason)
	}
	return b
}

// AppendAccepted appends the members of a send's answer; recipients 0: they are not
// counted.
func AppendAccepted(b []byte, id actors.ID, recipients int) []byte {
	b = append(b, `"id":"`...)
	b = append(id.Append(b), '"')
	if recipients == 0 {
		return b
	}
	b = append(b, `,"recipients":`...)
	return strconv.AppendInt(b, int64(recipients), 10)
}
