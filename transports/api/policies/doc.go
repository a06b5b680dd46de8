// Package policies is the API's resource of the rules that an app keeps for its messages,
// in versions.
//
// What may stand in a policy is said by the package rule of actors: it is checked before
// it is stored, so that what judges messages is always valid.
//
// Start reading at routes.go.
package policies
