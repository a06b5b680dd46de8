package userjson

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"reddot/actors"
	"reddot/actors/profile"
	"reddot/transports"
)

// attribute reads one attribute.
func (p *profileReader) attribute(name string) error {
	field := transports.ShownField("attributes." + name)
	if p.null("attributes." + name) {
		return nil
	}
	a := &actors.Attribute{Name: name}
	var err error
	switch c := p.Peek(); {
	case c == '"':
		err = p.textValue(field, a)
	case c == '-' || '0' <= c && c <= '9':
		var n float64
		n, err = p.number(field)
		a.Value = &actors.Attribute_Number{Number: n}
	case c == 't' || c == 'f':
		var flag bool
		flag, err = p.BoolField(field)
		a.Value = &actors.Attribute_Flag{Flag: flag}
	case c == '[':
		err = p.listValue(field, a)
	default:
		err = p.NotA(field, "a string, a number, true or false, or an array of strings or of numbers")
	}
	p.set.Attributes = append(p.set.Attributes, a)
	return err
}

// textValue reads a string, or a time, which is a string as RFC 3339 has it.
func (p *profileReader) textValue(field string, a *actors.Attribute) error {
	t, err := p.TextField(field, profile.MaxText)
	if err != nil {
		return err
	}
	text := t.String()
	if at, ok := actors.ParseTime(text); ok {
		a.Value = &actors.Attribute_Time{Time: at.UnixMilli()}
	} else {
		a.Value = &actors.Attribute_Text{Text: text}
	}
	return nil
}

// maxWhole is the number below which a float64 has every whole one.
const maxWhole = 1 << 53

// number reads a number that can be kept as it is written. Of larger whole ones those can
// whose digits come back as they were, as an export writes them.
func (p *profileReader) number(field string) (float64, error) {
	raw, ok := p.Raw()
	if !ok {
		return 0, p.Err()
	}
	n, err := strconv.ParseFloat(string(raw), 64)
	switch {
	case err != nil:
		return 0, transports.WrongField(field, "the number is too large")
	case math.Abs(n) >= maxWhole && !strings.ContainsAny(string(raw), ".eE") && strconv.FormatFloat(n, 'f', -1, 64) != string(raw):
		return 0, transports.WrongField(field, "a whole number of more than 53 bits would lose its last digits; send it as a string")
	}
	return n, nil
}

// listValue reads an array of strings or of numbers.
func (p *profileReader) listValue(field string, a *actors.Attribute) error {
	s := &p.Scanner
	s.Open('[')
	var texts []string
	var numbers []float64
	for first := true; s.Item(first); first = false {
		if len(texts)+len(numbers) == profile.MaxList {
			return transports.WrongField(field, fmt.Sprintf("there are at most %d", profile.MaxList))
		}
		switch c := s.Peek(); {
		case c == '"' && numbers == nil:
			t, err := p.TextField(field, profile.MaxText)
			if err != nil {
				return err
			}
			texts = append(texts, t.String())
		case (c == '-' || '0' <= c && c <= '9') && texts == nil:
			n, err := p.number(field)
			if err != nil {
				return err
			}
			numbers = append(numbers, n)
		default:
			return p.NotA(field, "an array of strings alone or of numbers alone")
		}
	}
	if s.Bad() {
		return s.Err()
	}
	if numbers != nil {
		a.Value = &actors.Attribute_Numbers{Numbers: &actors.NumberList{List: numbers}}
	} else {
		a.Value = &actors.Attribute_Texts{Texts: &actors.TextList{List: texts}}
	}
	return nil
}
