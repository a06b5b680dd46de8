package transports

import (
	"fmt"
	"log/slog"
)

// hidden is what every way of printing a Secret shows.
const hidden = "***"

// A Secret is a text that must not be seen. Every way of printing or encoding
// it, with any verb and within any struct, gives "***"; only Reveal gives the
// text. The text is behind a pointer because fmt prints the unexported string
// fields of a struct without asking their type.
type Secret struct{ text *string }

// NewSecret hides the text. An empty one is the zero Secret: none.
func NewSecret(text string) Secret {
	if text == "" {
		return Secret{}
	}
	return Secret{&text}
}

// Reveal returns the text.
func (s Secret) Reveal() string {
	if s.text == nil {
		return ""
	}
	return *s.text
}

// IsZero tells whether there is none.
func (s Secret) IsZero() bool { return s.text == nil }

// String returns "***".
func (s Secret) String() string { return hidden }

// GoString returns "***".
func (s Secret) GoString() string { return hidden }

// Format writes "***" for every verb; fmt asks String for some of them only.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(hidden)) }

// LogValue returns "***".
func (s Secret) LogValue() slog.Value { return slog.StringValue(hidden) }

// MarshalJSON writes "***".
func (s Secret) MarshalJSON() ([]byte, error) { return []byte(`"` + hidden + `"`), nil }

// MarshalText writes "***"; YAML asks for it.
func (s Secret) MarshalText() ([]byte, error) { return []byte(hidden), nil }

// UnmarshalText takes the text, as from a configuration file.
func (s *Secret) UnmarshalText(text []byte) error {
	*s = NewSecret(string(text))
	return nil
}
