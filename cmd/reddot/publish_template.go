package main

import (
	"encoding/json"
	"errors"

	"github.com/spf13/pflag"

	"reddot/cmd/internal/client"
)

// template are the flags that name what a message is made of.
type template struct {
	id, variables string
	version       uint64
}

func (t *template) flags(f *pflag.FlagSet) {
	f.StringVar(&t.id, "template", "", "a template in the place of TEXT, by its `ID`")
	f.Uint64Var(&t.version, "template-version", 0, "this version of the template; 0: the live one")
	f.StringVar(&t.variables, "variables", "", "the template's variables, a `JSON` object")
}

// ref returns what the flags say.
func (t *template) ref() (*client.TemplateRef, error) {
	r := &client.TemplateRef{ID: t.id, Version: t.version}
	if t.variables != "" {
		if !json.Valid([]byte(t.variables)) {
			return nil, errors.New("--variables is no JSON")
		}
		r.Data = json.RawMessage(t.variables)
	}
	return r, nil
}
