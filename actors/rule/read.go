package rule

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"reddot/actors"
)

// How JSON is read: strictly, as the edge reads what callers send.

// errNoField is what a reader of members returns for a name that it does not know.
var errNoField = &actors.Error{}

// readObject reads an object, whose members are those that names lists, each once. An
// empty field is the policy itself.
func readObject(raw []byte, field, names string, member func(name string, v json.RawMessage) *actors.Error) *actors.Error {
	if field == "" && (!utf8.Valid(raw) || !json.Valid(raw)) {
		return &actors.Error{Code: actors.Invalid, Detail: "this is no JSON"}
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return wrong(field, "it must be a JSON object")
	}
	seen := map[string]bool{}
	for d.More() {
		t, err := d.Token()
		name, ok := t.(string)
		var v json.RawMessage
		if err != nil || !ok || d.Decode(&v) != nil {
			return wrong(field, "it must be a JSON object")
		}
		inner := strings.TrimPrefix(field+"."+shownName(name), ".")
		if seen[name] {
			return wrong(inner, "it stands twice")
		}
		seen[name] = true
		if err := member(name, v); err == errNoField {
			return wrong(inner, "there is no such field; there are %s", names)
		} else if err != nil {
			return err
		}
	}
	return nil
}

// readList reads a list of at most so many items, each a field with its place.
func readList(raw json.RawMessage, field string, most int, item func(field string, v json.RawMessage) *actors.Error) *actors.Error {
	var list []json.RawMessage
	if json.Unmarshal(raw, &list) != nil || list == nil {
		return wrong(field, "it must be a list")
	}
	if len(list) > most {
		return &actors.Error{Code: actors.TooLarge, Field: field, Detail: fmt.Sprintf("%s: there are at most %d", field, most)}
	}
	for i, v := range list {
		if err := item(field+"["+strconv.Itoa(i)+"]", v); err != nil {
			return err
		}
	}
	return nil
}

// readText reads a string of at most so many bytes, without control characters.
func readText(v json.RawMessage, field string, most int) (string, *actors.Error) {
	var s *string
	if json.Unmarshal(v, &s) != nil || s == nil {
		return "", wrong(field, "it must be a string")
	}
	if len(*s) > most {
		return "", large(field, most)
	}
	if strings.ContainsFunc(*s, func(r rune) bool { return r < ' ' || r >= 0x7f && r < 0xa0 }) {
		return "", wrong(field, "it must be text without control characters")
	}
	return *s, nil
}

// readName reads the name of a category, tenant or channel, or what stands for each.
func readName(v json.RawMessage, field string, most int) (string, *actors.Error) {
	s, err := readText(v, field, most)
	if err == nil && s != each && !isLabel(s) {
		err = wrong(field, "it must be 1 to %d characters of A-Z a-z 0-9 . _ : -, or *", most)
	}
	return s, err
}

// units are those of durations, in milliseconds.
var units = map[byte]int64{'s': 1000, 'm': 60 * 1000, 'h': 60 * 60 * 1000, 'd': 24 * 60 * 60 * 1000}

// readDuration reads a duration such as 10m, in milliseconds, and as it is written.
func readDuration(v json.RawMessage, field string, least, most int64) (int64, string, *actors.Error) {
	const want = "it must be a duration such as 30s, 10m, 24h or 7d"
	text, err := readText(v, field, maxWord)
	if err != nil {
		return 0, "", err
	}
	if text == "" {
		return 0, "", wrong(field, want)
	}
	unit := units[text[len(text)-1]]
	digits := text[:len(text)-1]
	n, bad := strconv.ParseUint(digits, 10, 32)
	if bad != nil || unit == 0 || digits[0] == '0' {
		return 0, "", wrong(field, want)
	}
	if d := int64(n) * unit; d >= least && d <= most {
		return d, text, nil
	}
	return 0, "", wrong(field, "it must be from %s to %s", shownDuration(least), shownDuration(most))
}

// shownDuration writes a duration as it is read.
func shownDuration(d int64) string {
	for _, unit := range []byte("dhms") {
		if d%units[unit] == 0 {
			return strconv.FormatInt(d/units[unit], 10) + string(unit)
		}
	}
	return strconv.FormatInt(d, 10) + "ms"
}

// readClock reads a time of the day as HH:MM, in minutes.
func readClock(v json.RawMessage, field string) (int, *actors.Error) {
	text, err := readText(v, field, maxWord)
	if err != nil {
		return 0, err
	}
	good := len(text) == len("22:00") && text[2] == ':'
	for i, c := range []byte(text) {
		good = good && (i == 2 || '0' <= c && c <= '9')
	}
	if good {
		h, m := int(text[0]-'0')*10+int(text[1]-'0'), int(text[3]-'0')*10+int(text[4]-'0')
		if m < 60 && (h < 24 || h == 24 && m == 0) {
			return h*60 + m, nil
		}
	}
	return 0, wrong(field, "it must be a time of the day such as 22:00")
}

// isLabel tells whether s is made of what a category may be made of.
func isLabel(s string) bool {
	return s != "" && len(s) <= 64 && strings.Trim(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._:-") == ""
}

// shownName returns the name of a member that an error names: not all of a long one.
func shownName(name string) string {
	const most = 40
	if len(name) <= most {
		return name
	}
	end := most
	for !utf8.RuneStart(name[end]) {
		end--
	}
	return name[:end] + "…"
}

func wrong(field, format string, args ...any) *actors.Error {
	detail := fmt.Sprintf(format, args...)
	if field != "" {
		detail = field + ": " + detail
	}
	return &actors.Error{Code: actors.Invalid, Field: field, Detail: detail}
}

func large(field string, most int) *actors.Error {
	return &actors.Error{Code: actors.TooLarge, Field: field, Detail: fmt.Sprintf("%s: at most %d bytes are allowed", field, most)}
}
