package bulk

import (
	"bytes"
	"context"
	"encoding/csv"
	"fmt"

	"reddot/actors/profile"
)

// A Lister lists the users of an app: *index.Index.
type Lister interface {
	// Users calls fn with up to limit users behind after, and what is known of each. next
	// is where to go on; empty: there are no more.
	Users(ctx context.Context, app, after string, limit int, fn func(user string, known *profile.State) error) (next string, err error)
}

// exportPage is how many users are read at a time.
const exportPage = 50

// Export gives emit all users of an app behind after, line by line as an import takes
// them, some lines at a time. The order is the same each time, and no other one.
func Export(ctx context.Context, from Lister, app, after string, format Format, emit func([]byte) error) error {
	appendUser := appendLine
	if format == CSV {
		appendUser = appendRow
		if err := emit(appendCells(nil, exportColumns)); err != nil {
			return err
		}
	}
	var out []byte
	for {
		out = out[:0]
		next, err := from.Users(ctx, app, after, exportPage, func(user string, known *profile.State) error {
			out = appendUser(out, user, known)
			return nil
		})
		if err != nil {
			return fmt.Errorf("export: %w", err)
		}
		if len(out) > 0 {
			if err := emit(out); err != nil {
				return err
			}
		}
		if after = next; next == "" {
			return nil
		}
	}
}

// appendLine appends a user as a line of NDJSON.
func appendLine(b []byte, user string, known *profile.State) []byte {
	b = appendText(append(b, `{"user":`...), user)
	b = append(b, ',')
	b = append(b, profile.AppendProfile(nil, known.Profile())[1:]...)
	b = b[:len(b)-1]
	if p := known.Preferences(); p != nil {
		b = profile.AppendPreferences(append(b, `,"preferences":`...), p)
	}
	b = profile.AppendNames(append(b, `,"follows":`...), known.Follows())
	b = profile.AppendNames(append(b, `,"lists":`...), known.Lists())
	return append(b, '}', '\n')
}

// exportColumns are the columns of a CSV export, all but the first ones JSON.
var exportColumns = []string{"user", "locale", "zone", "tags", "tenants", "attributes", "addresses", "preferences", "follows", "lists"}

// appendRow appends a user as a row of CSV.
func appendRow(b []byte, user string, known *profile.State) []byte {
	p := known.Profile()
	preferences := ""
	if known.Preferences() != nil {
		preferences = string(profile.AppendPreferences(nil, known.Preferences()))
	}
	attributes, addresses := profile.Members(p)
	return appendCells(b, []string{
		user, p.GetLocale(), p.GetZone(), names(p.GetTags()), names(p.GetTenants()), attributes, addresses,
		preferences, names(known.Follows()), names(known.Lists()),
	})
}

func names(list []string) string {
	if len(list) == 0 {
		return ""
	}
	return string(profile.AppendNames(nil, list))
}

func appendCells(b []byte, cells []string) []byte {
	out := bytes.NewBuffer(b)
	w := csv.NewWriter(out)
	_ = w.Write(cells) // a buffer takes all
	w.Flush()
	return out.Bytes()
}
