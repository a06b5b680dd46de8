package api

import "time"

// parsePatch reads what an edit changes (RFC 7396): a member that is null is
// removed, or falls back to its default.
func (d *draft) parsePatch(src []byte, now int64) error {
	d.patch = true
	defer func() { d.patch = false }()
	if err := d.parse(src, fieldsEdit, now); err != nil {
		return err
	}
	if d.has == 0 {
		return wrong("body", "the edit changes nothing; give at least one of title, body, data, url, actions, category, priority, expires_at")
	}
	return nil
}

// null reads a null where an edit removes the field.
func (d *draft) null() bool {
	return d.patch && d.in.Word("null")
}

// appendPatch appends the edit as a JSON object.
func (d *draft) appendPatch(b []byte) []byte {
	b = append(b, '{')
	n := len(b)
	set := d.has &^ d.nulls
	b = d.appendContent(b, set)
	member := func(name, value string) {
		if len(b) > n {
			b = append(b, ',')
		}
		b = append(b, '"')
		b = append(b, name...)
		b = append(b, '"', ':')
		b = append(b, value...)
	}
	if set&fieldCategory != 0 {
		member("category", `"`+d.category+`"`)
	}
	if set&fieldPriority != 0 {
		member("priority", `"`+d.priority.Word()+`"`)
	}
	if set&fieldExpiresAt != 0 {
		member("expires_at", time.UnixMilli(d.expires).UTC().Format(`"2006-01-02T15:04:05.000Z"`))
	}
	for _, f := range [...]struct {
		field
		name string
	}{{fieldTitle, "title"}, {fieldBody, "body"}, {fieldData, "data"}, {fieldURL, "url"}, {fieldActions, "actions"},
		{fieldCategory, "category"}, {fieldPriority, "priority"}, {fieldExpiresAt, "expires_at"}} {
		if d.nulls&f.field != 0 {
			member(f.name, "null")
		}
	}
	return append(b, '}')
}
