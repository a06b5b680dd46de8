package actors

import (
	"fmt"
	"strconv"
)

// AppendJSON appends the audience as it stands in the API.
func (a *Audience) AppendJSON(b []byte) []byte {
	switch {
	case a.Topic != "":
		b = AppendString(append(b, `{"topic":`...), a.Topic)
	case a.List != "":
		b = AppendString(append(b, `{"list":`...), a.List)
	case a.Segment != nil:
		b = AppendString(append(b, `{"segment":`...), a.Segment.Name)
		b = strconv.AppendUint(append(b, `,"version":`...), a.Segment.Version, 10)
	default:
		b = append(b, `{"all":true`...)
	}
	if a.Newcomers {
		b = append(b, `,"since":"publish"`...)
	}
	return append(b, '}')
}

// Check tells whether the audience is one that may be stored.
func (a *Audience) Check() error {
	targets := 0
	for _, is := range []bool{a.GetAll(), a.GetTopic() != "", a.GetList() != "", a.GetSegment() != nil} {
		if is {
			targets++
		}
	}
	if targets != 1 {
		return fmt.Errorf("an audience of %d targets", targets)
	}
	if s := a.Segment; s != nil && (s.Name == "" || s.Version == 0 || s.Where == "") {
		return fmt.Errorf("an audience that is a segment without a name, version or expression")
	}
	return nil
}
