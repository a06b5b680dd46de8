package profile

import (
	"encoding/base64"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"reddot/actors"
)

// A Channel is a way out to a user, and how its addresses are written.
type Channel struct {
	Name    string
	Address string // the member that tells an address from others
	Account string // the member that says to which of several accounts it belongs; empty: there is none
	Keys    bool   // it has the keys of Web Push

	Device bool // its address is a device, which belongs to one user of an app
	check  func(string) string
}

// inApp is the channel that has no address: the inbox itself.
const inApp = "inapp"

// channels are all that have addresses, in the order of their names.
var channels = []Channel{
	{Name: "apns", Address: "token", Account: "topic", Device: true, check: checkToken},
	{Name: "email", Address: "address", check: checkMail},
	{Name: "fcm", Address: "token", Device: true, check: checkToken},
	{Name: "jpush", Address: "token", Device: true, check: checkToken},
	{Name: "sms", Address: "address", check: checkPhone},
	{Name: "webpush", Address: "endpoint", Keys: true, Device: true, check: checkEndpoint},
	{Name: "wechat_mp", Address: "openid", Account: "account", check: checkToken},
}

// ChannelOf returns the channel of a name; nil: there is none with addresses.
func ChannelOf(name string) *Channel {
	i := slices.IndexFunc(channels, func(c Channel) bool { return c.Name == name })
	if i < 0 {
		return nil
	}
	return &channels[i]
}

// Members names the members of an address, for people.
func (c *Channel) Members() string {
	names := c.Address
	if c.Account != "" {
		names += ", " + c.Account
	}
	if c.Keys {
		names += ", keys"
	}
	return names
}

// IsChannel tells whether a user may switch the channel on and off.
func IsChannel(name string) bool { return name == inApp || ChannelOf(name) != nil }

// ChannelNames names those that a user may switch, for people.
func ChannelNames() string { return inApp + ", " + channelNames() }

// channelNames names those with addresses, for people.
func channelNames() string {
	names := make([]string, len(channels))
	for i := range channels {
		names[i] = channels[i].Name
	}
	return strings.Join(names, ", ")
}

// checkAddress returns what is wrong with an address.
func checkAddress(a *actors.Address) *actors.Error {
	c := ChannelOf(a.GetChannel())
	if c == nil {
		return wrong("addresses."+a.GetChannel(), "there is no such channel; there are %s", channelNames())
	}
	field := "addresses." + c.Name
	switch {
	case a.Address == "":
		return wrong(field, "an address without %s", c.Address)
	case len(a.Address) > MaxAddress:
		return large(field+"."+c.Address, MaxAddress)
	case len(a.Account) > MaxAccount:
		return large(field+"."+c.Account, MaxAccount)
	case c.Account == "" && a.Account != "":
		return wrong(field, "these addresses belong to no account")
	case !c.Keys && a.P256Dh+a.Auth != "":
		return wrong(field, "these addresses have no keys")
	}
	if why := c.check(a.Address); why != "" {
		return wrong(field+"."+c.Address, "%s", why)
	}
	if a.Account != "" && checkToken(a.Account) != "" {
		return wrong(field+"."+c.Account, "only visible ASCII characters are allowed")
	}
	if c.Keys {
		return checkKeys(field, a)
	}
	return nil
}

// The keys of a subscription to Web Push (RFC 8291, section 3.1 and 3.2), in bytes:
// a point of P-256 that is not compressed, and a secret.
const (
	pointSize  = 65
	secretSize = 16
)

func checkKeys(field string, a *actors.Address) *actors.Error {
	if b, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(a.P256Dh, "=")); err != nil || len(b) != pointSize || b[0] != 4 {
		return wrong(field+".keys.p256dh", "it must be the 65 bytes of the browser's public key, in base64url")
	}
	if b, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(a.Auth, "=")); err != nil || len(b) != secretSize {
		return wrong(field+".keys.auth", "it must be the 16 bytes of the browser's secret, in base64url")
	}
	return nil
}

// checkToken says what is wrong with what a provider hands out.
func checkToken(s string) string {
	for i := range len(s) {
		if s[i] <= ' ' || s[i] > '~' {
			return "only visible ASCII characters are allowed"
		}
	}
	return ""
}

// checkMail says what is wrong with a mailbox. Whether it is there only its server
// knows, so no more is asked than what every mailbox has.
func checkMail(s string) string {
	local, domain, ok := strings.Cut(s, "@")
	bad := !ok || local == "" || domain == "" || len(s) > 254 || strings.Contains(domain, "@") ||
		strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r == 0x7f || strings.ContainsRune(`,;<>()[]"\`, r) })
	if bad {
		return "it must be a mailbox such as alice@example.com, and nothing else"
	}
	return ""
}

// checkPhone says what is wrong with a phone number (ITU-T E.164).
func checkPhone(s string) string {
	digits, ok := strings.CutPrefix(s, "+")
	if !ok || len(digits) < 7 || len(digits) > 15 || digits[0] == '0' || strings.Trim(digits, "0123456789") != "" {
		return "it must be a phone number with its country, such as +8613800000000"
	}
	return ""
}

// checkEndpoint says what is wrong with the URL of a push service (RFC 8030,
// section 8: it is always https).
func checkEndpoint(s string) string {
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "https" || u.Host == "" || u.User != nil || checkToken(s) != "" {
		return "it must be an https URL"
	}
	return ""
}

func wrong(field, format string, args ...any) *actors.Error {
	return &actors.Error{Code: actors.Invalid, Field: field, Detail: field + ": " + fmt.Sprintf(format, args...)}
}

func large(field string, limit int) *actors.Error {
	return &actors.Error{Code: actors.TooLarge, Field: field, Detail: fmt.Sprintf("%s: at most %d bytes are allowed", field, limit)}
}

func many(field string, limit int) *actors.Error {
	return &actors.Error{Code: actors.TooLarge, Field: field, Detail: fmt.Sprintf("%s: there are at most %d", field, limit)}
}
