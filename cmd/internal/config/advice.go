package config

import (
	"fmt"
	"os"

	"reddot/transports/auth"
)

// Advice returns what the configuration allows and its owner may not mean, a
// sentence each. It is no error: there are places where each is right.
func (c Config) Advice() []string {
	if c.Dev {
		return nil
	}
	var all []string
	advise := func(bad bool, format string, args ...any) {
		if bad {
			all = append(all, fmt.Sprintf(format, args...))
		}
	}
	open := !loopback(c.HTTP)
	advise(open && c.TLS.Cert == "", "http: %s is reached from elsewhere without TLS, so that keys and tokens can be read on the way; set tls, or listen on loopback behind a proxy that has it", c.HTTP)
	advise(c.MQTT.Listen != "" && !loopback(c.MQTT.Listen), "mqtt.listen: %s is reached from elsewhere without TLS, so that tokens and passwords can be read on the way; mqtt.listen_tls has it", c.MQTT.Listen)
	advise(!open && len(c.TrustedProxies) == 0, "trusted_proxies: a proxy in front of %s is not among them, so that all its clients count as one address; name it, as 127.0.0.1/32", c.HTTP)
	for path, t := range c.verifications() {
		advise(t.JWKS != "" && t.Issuer == "" && t.Audience == "", "%s.jwks_url: without issuer and audience every token that this issuer signs, for whichever service, is good here", path)
	}
	advise(c.Cluster.isSet() && c.Cluster.Key.IsZero() && c.Cluster.TLS.CA == "" && !loopback(c.Cluster.Bind), "cluster.key: there is none, so that whoever reaches %s can join and read what the servers say; make one by: openssl rand -base64 32", c.Cluster.Bind)
	advise(c.MQTT.PasswordFile != "" && othersUse(c.MQTT.PasswordFile), "mqtt.password_file: others than its owner and group can read %s, or its group write it; chmod 600 (or 640)", c.MQTT.PasswordFile)
	advise(c.MQTT.Anonymous, "mqtt.anonymous: anybody who reaches the server can connect, as a user anonymous:…, and publish to the topics of mqtt.anonymous_topics")
	return all
}

// verifications returns how tokens are verified, by the settings' path.
func (c Config) verifications() map[string]auth.Verification {
	all := map[string]auth.Verification{"token": c.Token}
	for _, a := range c.Apps {
		all["apps."+a.Name+".token"] = a.Token
	}
	return all
}

// othersUse tells whether others than a file's owner and group may read or write
// it, or its group write it.
func othersUse(name string) bool {
	info, err := os.Stat(name)
	return err == nil && info.Mode().Perm()&0o026 != 0
}
