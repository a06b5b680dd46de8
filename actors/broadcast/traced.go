package broadcast

import (
	"strconv"

	"reddot/actors"
)

// kindWords name the kinds of entries.
var kindWords = [...]string{
	actors.LogKind_LOG_PUBLISHED: "published", actors.LogKind_LOG_DUE: "due", actors.LogKind_LOG_EDITED: "edited",
	actors.LogKind_LOG_RETRACTED: "retracted", actors.LogKind_LOG_EXPIRED: "expired",
}

// trace tells of an entry, if somebody traces it.
func trace(h *actors.Home, app string, e *actors.LogEntry) {
	t := h.Traces.On()
	if t == nil {
		return
	}
	at := &actors.Happening{What: "broadcast", App: app, At: e.At, Messages: []actors.ID{e.Concerns()}, Topic: e.Audience.GetTopic(), Campaign: e.Message.GetCampaign()}
	if !t.Wants(at) {
		return
	}
	b := strconv.AppendUint([]byte(`,"pos":`), e.Pos, 10)
	b = e.Concerns().Append(append(b, `,"id":"`...))
	at.Body = actors.AppendString(append(b, `","kind":`...), kindWords[e.Kind])
	t.Tell(at)
}
