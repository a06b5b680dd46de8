package api

import (
	"fmt"

	"reddot/actors"
)

// onceHeader is the header that names a write (the IETF's
// draft-ietf-httpapi-idempotency-key-header); the value is taken as it stands.
const onceHeader = "Idempotency-Key"

// maxOnce is the length of an idempotency key in bytes.
const maxOnce = 128

// once returns what makes the call's write happen once: the caller's key if
// there is one, else the id.
func (c *call) once(id actors.ID) (actors.Once, error) {
	key, err := c.onceKey()
	if err != nil {
		return actors.Once{}, err
	}
	if key == "" {
		return actors.EdgeOnce(id), nil
	}
	// The path by its template and what it names, since one URL can be
	// written in several ways.
	return actors.CallersOnce(c.who.ID, key, c.Method(), []byte(c.route.path), []byte(c.user), c.param(1), c.body), nil
}

// param returns the path's parameter i behind the user; nil if there is none.
func (c *call) param(i int) []byte {
	if c.route.access&needUser == 0 {
		i--
	}
	if i < len(c.params.List) {
		return c.params.List[i]
	}
	return nil
}

// onceKey returns the caller's key; empty if he gave none.
func (c *call) onceKey() (string, error) {
	keys := c.Request.Header.PeekAll(onceHeader)
	switch {
	case len(keys) == 0:
		return "", nil
	case len(keys) > 1:
		return "", wrong(onceHeader, "the request has more than one")
	case len(keys[0]) > maxOnce:
		return "", wrong(onceHeader, fmt.Sprintf("at most %d bytes are allowed", maxOnce))
	}
	return string(keys[0]), checkOnce(keys[0], onceHeader)
}

// checkOnce refuses a key with anything but visible ASCII in it: such a key
// would be changed on its way by one proxy and not by the next.
func checkOnce(key []byte, name string) error {
	if len(key) == 0 {
		return wrong(name, "it is empty")
	}
	for _, b := range key {
		if b <= ' ' || b > '~' {
			return wrong(name, "only visible ASCII characters are allowed")
		}
	}
	return nil
}
