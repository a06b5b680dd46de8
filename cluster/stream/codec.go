package stream

import (
	"fmt"

	"reddot/cluster/wire"
)

// codec encodes batches with the generated code, without reflection.
type codec struct{}

// Marshal implements encoding.Codec.
func (codec) Marshal(v any) ([]byte, error) {
	b, ok := v.(*wire.Batch)
	if !ok {
		return nil, fmt.Errorf("%T is no batch", v)
	}
	return b.MarshalVT()
}

// Unmarshal implements encoding.Codec.
func (codec) Unmarshal(data []byte, v any) error {
	b, ok := v.(*wire.Batch)
	if !ok {
		return fmt.Errorf("%T is no batch", v)
	}
	return b.UnmarshalVT(data)
}

// Name implements encoding.Codec.
func (codec) Name() string { return "reddot" }
