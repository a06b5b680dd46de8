package config

import _ "embed"

// Reference is a configuration file that has every setting with its default
// and what it is for.
//
//go:embed reference.yaml
var Reference string
