package content

import (
	"encoding/json"
	"fmt"

	"reddot/actors/catalog"
	"reddot/actors/content"
	"reddot/transports"
	"reddot/transports/api/resource"
)

// Categories returns the routes of /v1/categories, whose entries are in the catalog.
func Categories(c *catalog.Catalog) []*resource.Route {
	e := &resource.Entries{
		Catalog: c, Kind: "category", Path: "/v1/categories", ID: "id", Member: "categories",
		Put: transports.AuditCategoryPut, Drop: transports.AuditCategoryDrop, Named: parseLabel, Read: readCategory,
	}
	return e.Routes()
}

// parseLabel returns what the path names if messages may have such a category.
func parseLabel(text string) (string, error) {
	if len(text) > transports.MaxCategory || !transports.IsLabel([]byte(text)) || text == "." || text == ".." {
		return "", transports.WrongField("id", fmt.Sprintf("it must be 1 to %d characters of A-Z a-z 0-9 . _ : - and not . or ..", transports.MaxCategory))
	}
	return text, nil
}

// readCategory reads a category as what is stored.
func readCategory(in *transports.FieldReader, body []byte) (json.RawMessage, error) {
	var c content.Category
	err := in.Whole(body, func(name string) (err error) {
		switch name {
		case "names":
			c.Names = map[string]string{}
			err = in.Object(name, func(locale string) (err error) {
				c.Names[locale], err = in.WordField(transports.ShownField("names."+locale), content.MaxName)
				return err
			})
		case "channels":
			c.Channels = map[string]bool{}
			err = in.Object(name, func(channel string) (err error) {
				c.Channels[channel], err = in.BoolField(transports.ShownField("channels." + channel))
				return err
			})
		case "locked":
			c.Locked, err = in.BoolField(name)
		case "marketing":
			c.Marketing, err = in.BoolField(name)
		default:
			err = transports.WrongField(transports.ShownField(name), "there is no such field; there are names, channels, locked, marketing")
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	if err := c.Check(); err != nil {
		return nil, err
	}
	stored, err := json.Marshal(&c)
	if err != nil {
		return nil, fmt.Errorf("encode the category: %w", err)
	}
	return stored, nil
}
