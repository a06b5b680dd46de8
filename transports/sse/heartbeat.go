package sse

// AppendBeat implements actors.Format: a comment.
func (Format) AppendBeat(b []byte) []byte { return append(b, ":\n\n"...) }
