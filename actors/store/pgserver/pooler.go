package pgserver

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// ErrNoPooler says that there is no PgBouncer here.
var ErrNoPooler = errors.New("there is no pgbouncer here (Debian, Ubuntu: apt-get install pgbouncer)")

// A Pooler is a running PgBouncer in front of a server.
type Pooler struct {
	dir  string
	port int
	*process
}

// StartPooler starts PgBouncer in front of s, which must listen on TCP, as its
// package comes but for the mode (session, transaction, statement) and the
// number of connections. Without it the error is ErrNoPooler.
func StartPooler(ctx context.Context, s *Server, mode string, connections int) (p *Pooler, err error) {
	bin, err := exec.LookPath("pgbouncer")
	if err != nil {
		if bin, err = exec.LookPath("/usr/sbin/pgbouncer"); err != nil {
			return nil, ErrNoPooler
		}
	}
	p = &Pooler{}
	if p.port, err = FreePort(); err != nil {
		return nil, err
	}
	if p.dir, err = os.MkdirTemp("", "pgb"); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, p.Close())
		}
	}()
	if err := os.Chmod(p.dir, 0o755); err != nil { //nolint:gosec // G302: another user runs it
		return nil, err
	}
	file := filepath.Join(p.dir, "pgbouncer.ini")
	config := fmt.Sprintf("[databases]\n* = host=127.0.0.1 port=%d user=%s\n[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = %d\n"+
		"unix_socket_dir =\nauth_type = any\npool_mode = %s\ndefault_pool_size = %d\n", s.port, name, p.port, mode, connections)
	if err := os.WriteFile(file, []byte(config), 0o644); err != nil { //nolint:gosec // G306: likewise
		return nil, err
	}
	if p.process, err = start(s.as, p.dir, s.log, "TERM", bin, file); err != nil {
		return nil, err
	}
	return p, reached(ctx, p.port)
}

// URL names the database behind the pooler; parameters are added to it.
func (p *Pooler) URL(parameters ...string) string { return tcpURL(p.port, parameters) }

// Close ends it.
func (p *Pooler) Close() error {
	var err error
	if p.process != nil {
		err = p.end()
	}
	return errors.Join(err, os.RemoveAll(p.dir))
}
