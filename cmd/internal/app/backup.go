package app

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"reddot/actors/store/embedded"
	"reddot/actors/store/postgres"
	"reddot/cmd/internal/config"
)

// A server with an embedded store takes requests for backups at a socket in its
// data directory: whoever may read the data reaches it, and no key is needed.
const controlSocket = "control.sock"

// The request, and the answer that precedes the backup.
const (
	backupRequest = "backup\n"
	backupFollows = "ok\n"
)

// controlTime bounds each step of a request: of who stands still.
const controlTime = time.Minute

// control is the socket and what is under way at it.
type control struct {
	listener net.Listener
	store    *embedded.Store
	log      *slog.Logger
	serving  sync.WaitGroup
	one      sync.Mutex // a backup at a time

	mu    sync.Mutex
	conns map[net.Conn]bool // nil: closed
}

// openControl listens. Without the socket all else goes on.
func (a *App) openControl(ctx context.Context) error {
	p, ok := a.store.(*embedded.Store)
	if !ok {
		return nil
	}
	path := filepath.Join(a.cfg.Load().Data, controlSocket)
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) { // of a process that is gone: the directory is ours
		return err
	}
	l, err := a.listenUnix(ctx, "control", path)
	if err != nil {
		a.log.Warn("no backup can be made while this server runs: its socket can't be opened", "err", err)
		return nil
	}
	a.control = &control{listener: l, store: p, log: a.log, conns: make(map[net.Conn]bool)}
	a.control.serving.Go(a.control.accept)
	return nil
}

func (a *App) closeControl(context.Context) error {
	c := a.control
	if c == nil {
		return nil
	}
	err := c.listener.Close()
	c.mu.Lock()
	for conn := range c.conns {
		_ = conn.Close()
	}
	c.conns = nil
	c.mu.Unlock()
	c.serving.Wait()
	return err
}

func (c *control) accept() {
	for {
		conn, err := c.listener.Accept()
		if err != nil { // the listener accepts again after an error: it is closed
			return
		}
		c.mu.Lock()
		if c.conns == nil {
			_ = conn.Close()
		} else {
			c.conns[conn] = true
			c.serving.Go(func() { c.serve(conn) })
		}
		c.mu.Unlock()
	}
}

func (c *control) serve(conn net.Conn) {
	defer func() {
		_ = conn.Close()
		c.mu.Lock()
		delete(c.conns, conn)
		c.mu.Unlock()
	}()
	_ = conn.SetDeadline(time.Now().Add(controlTime))
	request := make([]byte, len(backupRequest))
	if _, err := io.ReadFull(conn, request); err != nil || string(request) != backupRequest {
		_, _ = io.WriteString(conn, "this program knows no such request\n")
		return
	}
	if !c.one.TryLock() {
		_, _ = io.WriteString(conn, "another backup is under way\n")
		return
	}
	defer c.one.Unlock()
	began := time.Now()
	w := bufio.NewWriterSize(timedConn{conn}, 1<<20)
	_, _ = w.WriteString(backupFollows)
	b, err := c.store.Backup(w)
	if err == nil {
		err = w.Flush()
	}
	if err != nil {
		c.log.Error("a backup was broken off", "err", err)
		return
	}
	c.log.Info("a backup was made", "files", len(b.Files), "bytes", b.Bytes(), "took", time.Since(began).Round(time.Millisecond))
}

// timedConn gives each write its own time.
type timedConn struct{ net.Conn }

// Write implements io.Writer.
func (p timedConn) Write(b []byte) (int, error) {
	if err := p.SetDeadline(time.Now().Add(controlTime)); err != nil {
		return 0, err
	}
	return p.Conn.Write(b)
}

// WriteBackup writes a backup of the embedded store to w: through the server if one runs
// there, or else of the directory itself. What it returns was checked as it was
// written.
func WriteBackup(ctx context.Context, c config.Config, w io.Writer, log *slog.Logger) (*embedded.Backup, error) {
	if !c.Store.URL.IsZero() {
		return nil, errors.New("the data is in a PostgreSQL database: back that up with PostgreSQL's own tools (pg_dump, pg_basebackup, archived WAL)")
	}
	if err := mustExist(c.Data); err != nil {
		return nil, err
	}
	r, err := askBackup(ctx, c.Data)
	if err != nil {
		return nil, err
	}
	if r == nil {
		if r, err = openBackup(c, log); err != nil {
			return nil, err
		}
	}
	defer r.Close()
	stop := context.AfterFunc(ctx, func() { _ = r.Close() })
	defer stop()
	b, err := embedded.CheckBackup(io.TeeReader(r, w))
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if err != nil {
		return nil, fmt.Errorf("back up %s: %w (the server's log may say why)", c.Data, err)
	}
	_, err = io.Copy(w, r) // the padding of the end
	return b, err
}

// mustExist returns why there is no store in the data directory, if there is none.
func mustExist(data string) error {
	ok, err := embedded.Exists(data)
	if err == nil && !ok {
		return fmt.Errorf("there is no store in %s; --data names its directory", data)
	}
	return err
}

// askBackup asks the server of a data directory for a backup; nil: none runs.
func askBackup(ctx context.Context, data string) (io.ReadCloser, error) {
	var d net.Dialer
	conn, err := d.DialContext(ctx, "unix", filepath.Join(data, controlSocket))
	switch {
	case errors.Is(err, fs.ErrPermission):
		return nil, fmt.Errorf("ask the server of %s for a backup, as its user: %w", data, err)
	case err != nil:
		return nil, nil // the directory's lock says whether somebody is there all the same
	}
	if _, err := io.WriteString(conn, backupRequest); err != nil {
		return nil, errors.Join(fmt.Errorf("ask the server of %s for a backup: %w", data, err), conn.Close())
	}
	answer := make([]byte, 0, 256)
	for one := make([]byte, 1); len(answer) < cap(answer) && !strings.HasSuffix(string(answer), "\n"); answer = append(answer, one...) {
		if _, err := io.ReadFull(conn, one); err != nil {
			return nil, errors.Join(fmt.Errorf("ask the server of %s for a backup: %w", data, err), conn.Close())
		}
	}
	if string(answer) != backupFollows {
		return nil, errors.Join(fmt.Errorf("the server of %s says: %s", data, strings.TrimSpace(string(answer))), conn.Close())
	}
	return conn, nil
}

// openBackup backs up a directory that no server uses.
func openBackup(c config.Config, log *slog.Logger) (io.ReadCloser, error) {
	p, err := embedded.Open(c.Embedded(), log, nil)
	if err != nil {
		return nil, err
	}
	r, w := io.Pipe()
	go func() {
		_, err := p.Backup(w)
		_ = w.CloseWithError(errors.Join(err, p.Close(context.Background())))
	}()
	return r, nil
}

// Restore makes the data directory of a backup.
func Restore(c config.Config, r io.Reader) (*embedded.Backup, error) {
	if !c.Store.URL.IsZero() {
		return nil, errors.New("a database is named (store.url): a backup of an embedded store goes into a data directory")
	}
	return embedded.Restore(r, c.Data)
}

// Renew begins another history in the store that c names, after it was put back
// by other means than Restore: clients that know more than it holds are told to
// fetch again.
func Renew(ctx context.Context, c config.Config, log *slog.Logger) (err error) {
	if c.Store.URL.IsZero() {
		if err := mustExist(c.Data); err != nil {
			return err
		}
		p, err := embedded.Open(c.Embedded(), log, nil)
		if err != nil {
			return err
		}
		return errors.Join(p.Renew(), p.Close(ctx))
	}
	cfg := c.Postgres()
	cfg.Committers, cfg.Readers = 1, 1
	p, err := postgres.Open(ctx, cfg, log, nil)
	if err != nil {
		return err
	}
	return errors.Join(p.Renew(ctx), p.Close(ctx))
}
