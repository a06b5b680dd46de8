package config

import (
	"errors"
	"fmt"
	"io/fs"

	"reddot/transports/auth"
	"reddot/transports/mqtt/packet"
)

// LoadLogins returns who may log in by a password, as of mqtt.password_file; nil:
// nobody.
func (c *Config) LoadLogins() (*auth.Logins, error) {
	for _, pattern := range c.MQTT.Logins.Topics {
		if !packet.ValidFilter(pattern) {
			return nil, fmt.Errorf("mqtt.password_topics: %q is no topic filter", pattern)
		}
	}
	if c.MQTT.PasswordFile == "" {
		if len(c.MQTT.Logins.Topics) > 0 {
			return nil, errors.New("mqtt.password_topics: they need mqtt.password_file")
		}
		return nil, nil
	}
	text, err := auth.ReadPasswordFile(c.MQTT.PasswordFile)
	if errors.Is(err, fs.ErrNotExist) {
		err = fmt.Errorf("%w; \"reddot passwd set\" makes it", err)
	}
	if err != nil {
		return nil, fmt.Errorf("mqtt.password_file: %w", err)
	}
	f, err := auth.ParsePasswordFile(text)
	if err != nil {
		return nil, fmt.Errorf("mqtt.password_file: %s: %w", c.MQTT.PasswordFile, err)
	}
	logins := c.MQTT.Logins
	logins.File = f
	return auth.NewLogins(logins), nil
}
