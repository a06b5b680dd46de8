package app

import (
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// StartOn starts a server whose embedded store is on the files, and returns it
// and its URL. It may end by its store's failure.
func StartOn(t *testing.T, files vfs.FS) (*App, string) {
	t.Helper()
	cfg := testConfig(t)
	cfg.Data = "data" // on files, which need not be this machine's
	cfg.Store.Embedded.MemTableBytes = 1 << 20
	cfg.Inbox.Messages, cfg.Inbox.InboxBytes = 100_000, 1<<30
	a, _ := startUnstopped(t, cfg, forTests{files: files})
	return a, a.URL()
}
