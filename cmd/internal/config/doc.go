// Package config is the configuration of a server: the Configs of its parts, put
// together into one file.
//
// A setting is one field, in the Config of the part that it is for, whose tags say
// all that is to know of it:
//
//	QueueBytes int `yaml:"queue_size" unit:"bytes" min:"1"`
//
// yaml is its name, unit:"bytes" lets it be written as 4MiB, and min is the least
// that is taken. The field's comment has its unit and its default, WithDefaults of
// that Config sets it. A field without a yaml tag is no setting. What is not one
// part's alone is a field of this package.
//
// Rules that a change must keep:
//
//   - A new setting is a field of a part's Config and a line of reference.yaml,
//     which explains it to those who run a server. A test holds the two equal.
//   - What is wrong is found by Load, before anything starts, and the error names
//     the setting as it is written. An unknown name is an error.
//   - What servers of a cluster must have alike stands in shared.go, what can change
//     while a server runs in reload.go.
//   - Secrets print as ***.
//
// Start reading at config.go, then setting.go.
package config
