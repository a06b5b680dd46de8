package client

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// A Keyword is a word of a list, with what is done with a message that has it.
type Keyword struct {
	Word   string `json:"word"`
	Action string `json:"action,omitempty"`
}

// A KeywordList is what is shown of one.
type KeywordList struct {
	Name      string    `json:"name"`
	Words     int       `json:"words"`
	UpdatedAt time.Time `json:"updated_at"`
}

// A KeywordChange is what a change has done.
type KeywordChange struct {
	Added   int `json:"added"`
	Changed int `json:"changed"`
	Removed int `json:"removed"`
}

// KeywordHits are what was found in a text.
type KeywordHits struct {
	Hits []struct {
		List   string `json:"list"`
		Word   string `json:"word"`
		Action string `json:"action"`
		At     int    `json:"at"`
		Length int    `json:"length"`
	} `json:"hits"`
	Count int    `json:"count"`
	Text  string `json:"text"`
}

func keywordsPath(list string) string { return "/v1/keywords/" + url.PathEscape(list) }

// ChangeKeywords puts words into a list, or takes them out; all of them, or none where it
// fails. They may be sent again. It needs the scope author or admin.
func (c *Client) ChangeKeywords(ctx context.Context, list string, remove bool, words []Keyword) (done KeywordChange, err error) {
	path := keywordsPath(list)
	if remove {
		path += "/remove"
	}
	body, err := json.Marshal(words)
	if err != nil {
		return done, err
	}
	req, err := c.request(ctx, http.MethodPost, path, nil, body)
	if err != nil {
		return done, err
	}
	err = c.do(ctx, req, &done)
	return done, err
}

// KeywordLists returns all lists of the app, by name.
func (c *Client) KeywordLists(ctx context.Context) ([]KeywordList, error) {
	all := []KeywordList{}
	q := url.Values{"limit": {"200"}}
	for {
		var page struct {
			Lists []KeywordList `json:"lists"`
			Next  string        `json:"next"`
		}
		req, err := c.request(ctx, http.MethodGet, "/v1/keywords", q, nil)
		if err != nil {
			return nil, err
		}
		if err := c.do(ctx, req, &page); err != nil {
			return nil, err
		}
		all = append(all, page.Lists...)
		if page.Next == "" {
			return all, nil
		}
		q.Set("next", page.Next)
	}
}

// Keywords calls each with the words of a list, in an order of the server's own.
func (c *Client) Keywords(ctx context.Context, list string, each func(Keyword) error) error {
	ctx, cancel := context.WithTimeout(ctx, c.cfg.Timeout)
	defer cancel()
	req, err := c.request(ctx, http.MethodGet, keywordsPath(list)+"/export", nil, nil)
	if err != nil {
		return err
	}
	res, err := c.open(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	return c.readLines(res.Body, func(line []byte) error {
		var w Keyword
		if err := json.Unmarshal(line, &w); err != nil || w.Word == "" {
			return fmt.Errorf("%s does not answer as a reddot server: %q is no word", c.base, bytes.TrimSpace(line))
		}
		return each(w)
	})
}

// TestKeywords returns what a list finds in a text, or, with all, what all lists of the app
// find.
func (c *Client) TestKeywords(ctx context.Context, list, text string, all bool) (hits KeywordHits, err error) {
	body, err := json.Marshal(map[string]string{"text": text})
	if err != nil {
		return hits, err
	}
	req, err := c.request(ctx, http.MethodPost, keywordsPath(list)+"/test", url.Values{"all": {strconv.FormatBool(all)}}, body)
	if err != nil {
		return hits, err
	}
	err = c.do(ctx, req, &hits)
	return hits, err
}

// DeleteKeywords deletes a list with its words. It needs the scope author or admin.
func (c *Client) DeleteKeywords(ctx context.Context, list string) error {
	req, err := c.request(ctx, http.MethodDelete, keywordsPath(list), nil, nil)
	if err != nil {
		return err
	}
	return c.do(ctx, req, nil)
}
