package rule

import (
	"strconv"

	"reddot/actors"
)

// doWords are the names of what can become of a message, as a stage says it.
var doWords = [...]string{Deliver: "passed", Hold: "held", Filter: "filtered", Gather: "digest"}

// AppendStages appends what each rule says as a JSON array.
func AppendStages(b []byte, stages []Stage) []byte {
	b = append(b, '[')
	for i := range stages {
		s := &stages[i]
		if i > 0 {
			b = append(b, ',')
		}
		b = append(append(b, `{"rule":"`...), s.Rule.Word()...)
		b = append(append(append(b, `","says":"`...), doWords[s.Do]...), '"')
		if s.Value != "" {
			b = actors.AppendString(append(b, `,"value":`...), s.Value)
		}
		if s.Policy != "" {
			b = actors.AppendString(append(b, `,"policy":`...), s.Policy)
		}
		if s.Version > 0 {
			b = strconv.AppendUint(append(b, `,"version":`...), s.Version, 10)
		}
		b = append(actors.AppendTimeMember(b, `,"until":`, s.Until), '}')
	}
	return append(b, ']')
}
