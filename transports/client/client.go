package client

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"io/fs"
	"mime"
	"path"
	"strings"
	"sync"
)

// dist is what `npm run build` made. A placeholder keeps the folder there for a build without Node.
//
//go:embed all:dist
var dist embed.FS

// notBuilt is the page of a program that was built without the client.
const notBuilt = `<!doctype html>
<html lang="en"><meta charset="utf-8"><title>Reddot</title>
<p>the page was not built: run make</p>
</html>
`

// asset is one file, ready to be sent.
type asset struct {
	body              []byte
	packed            map[string][]byte // by content coding
	contentType, etag string
}

// assets is the table of all files by path; it is filled at the first use, so that a program that serves no page pays nothing.
var assets = sync.OnceValue(func() map[string]asset { return load(dist) })

// Asset returns the file at a URL path such as "/reddot.js"; "/" is the demo page. The ETag is strong and quoted as
// RFC 9110 wants it. The body is shared: it must not be changed. Without a built client only "/" is there, and says so.
func Asset(urlPath string) (body []byte, contentType, etag string, ok bool) {
	a, ok := assets()[urlPath]
	return a.body, a.contentType, a.etag, ok
}

// Packed returns the same file in a content coding, "br" or "gzip", with the ETag of that form. It is not ok where there is no
// such file or where compressing does not pay.
func Packed(urlPath, coding string) (body []byte, etag string, ok bool) {
	a := assets()[urlPath]
	body, ok = a.packed[coding]
	return body, strings.TrimSuffix(a.etag, `"`) + "-" + coding + `"`, ok
}

// Paths returns the URL paths of all files, in no order.
func Paths() []string {
	paths := make([]string, 0, len(assets()))
	for p := range assets() {
		paths = append(paths, p)
	}
	return paths
}

// load reads the files of a built dist folder. Errors can't happen on an embedded file system, and a file that can't be read is missing.
func load(files fs.FS) map[string]asset {
	table := map[string]asset{"/": newAsset("index.html", []byte(notBuilt))}
	_ = fs.WalkDir(files, "dist", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || strings.HasPrefix(entry.Name(), ".") {
			return nil
		}
		body, err := fs.ReadFile(files, name)
		if err != nil {
			return nil
		}
		if path.Ext(name) == ".br" {
			return nil // another form of the file beside it
		}
		url := strings.TrimPrefix(name, "dist")
		if url == "/index.html" {
			url = "/"
		}
		a := newAsset(name, body)
		if packed, err := fs.ReadFile(files, name+".br"); err == nil && len(packed) < len(body) {
			a.packed["br"] = packed
		}
		table[url] = a
		return nil
	})
	return table
}

func newAsset(name string, body []byte) asset {
	sum := sha256.Sum256(body)
	packed := map[string][]byte{}
	if b := compress(body); b != nil {
		packed["gzip"] = b
	}
	return asset{
		body:        body,
		packed:      packed,
		contentType: contentType(name),
		etag:        `"` + hex.EncodeToString(sum[:8]) + `"`,
	}
}

// contentType does not ask the machine's table for what a browser refuses to run under a wrong type.
func contentType(name string) string {
	switch path.Ext(name) {
	case ".js":
		return "text/javascript; charset=utf-8"
	case ".css":
		return "text/css; charset=utf-8"
	case ".html":
		return "text/html; charset=utf-8"
	case ".svg":
		return "image/svg+xml"
	}
	if t := mime.TypeByExtension(path.Ext(name)); t != "" {
		return t
	}
	return "application/octet-stream"
}

// compress returns nil where the result is not smaller.
func compress(body []byte) []byte {
	var out bytes.Buffer
	w, err := gzip.NewWriterLevel(&out, gzip.BestCompression)
	if err != nil {
		return nil
	}
	if _, err := w.Write(body); err != nil {
		return nil
	}
	if err := w.Close(); err != nil || out.Len() >= len(body) {
		return nil
	}
	return out.Bytes()
}
