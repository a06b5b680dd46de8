package pgserver

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Config says what server is wanted. The zero value is a server in a new
// folder, which Close removes, on a socket only.
type Config struct {
	// Dir is the folder of the data and the socket; empty: a temporary one. A
	// server that was there before is started again. Its path is short: a
	// socket's may have about 100 characters.
	Dir string
	// TCP has the server listen on a free port of 127.0.0.1 too.
	TCP bool
	// Settings are those of postgresql.conf that differ from the defaults.
	Settings map[string]string
}

// A Server is a running PostgreSQL. It trusts everybody who reaches it.
type Server struct {
	cfg  Config
	bin  string
	dir  string
	own  bool // the folder is ours to remove
	as   *syscall.SysProcAttr
	port int
	life *process // nil: it does not run
	log  *os.File
}

// The server's user, and the database.
const name, database = "reddot", "postgres"

// Start starts a server and waits until it answers. Without binaries the error
// is ErrMissing.
func Start(ctx context.Context, cfg Config) (*Server, error) {
	return begin(ctx, cfg, func(s *Server) error {
		return s.run(ctx, "initdb", "--pgdata", s.data(), "--username", name, "--auth", "trust", "--encoding", "UTF8", "--locale", "C", "--no-sync")
	})
}

// begin starts a server; fill makes its data, if it has none.
func begin(ctx context.Context, cfg Config, fill func(*Server) error) (s *Server, err error) {
	s = &Server{cfg: cfg, dir: cfg.Dir, port: 5432}
	if s.bin, err = Binaries(); err != nil {
		return nil, err
	}
	if s.as, err = unprivileged(); err != nil {
		return nil, err
	}
	if err := s.prepare(fill); err != nil {
		return nil, errors.Join(fmt.Errorf("make a PostgreSQL server: %w", err), s.Close())
	}
	if err := s.Restart(ctx); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// prepare makes the folder and the data in it, where there are none.
func (s *Server) prepare(fill func(*Server) error) (err error) {
	if s.dir == "" {
		if s.dir, err = os.MkdirTemp("", "pg"); err != nil {
			return err
		}
		s.own = true
	} else if err := os.MkdirAll(s.dir, 0o700); err != nil {
		return err
	}
	if c := s.as.Credential; c != nil {
		if err := os.Chown(s.dir, int(c.Uid), int(c.Gid)); err != nil {
			return err
		}
	}
	if s.cfg.TCP {
		if s.port, err = FreePort(); err != nil {
			return err
		}
	}
	if s.log, err = os.Create(filepath.Join(s.dir, "log")); err != nil {
		return err
	}
	if _, err := os.Stat(s.data()); err == nil {
		return nil
	}
	return fill(s)
}

// Dir returns the server's folder.
func (s *Server) Dir() string { return s.dir }

func (s *Server) data() string { return filepath.Join(s.dir, "data") }

// Restart starts the server that was stopped or killed.
func (s *Server) Restart(ctx context.Context) error {
	listen := ""
	if s.cfg.TCP {
		listen = "127.0.0.1"
	}
	args := []string{
		"-D", s.data(), "-k", s.dir, "-p", strconv.Itoa(s.port),
		"-c", "listen_addresses=" + listen, "-c", "max_connections=100", "-c", "shared_buffers=64MB", "-c", "log_checkpoints=off",
	}
	for k, v := range s.cfg.Settings {
		args = append(args, "-c", k+"="+v)
	}
	life, err := start(s.as, s.dir, s.log, "INT", filepath.Join(s.bin, "postgres"), args...)
	if err != nil {
		return fmt.Errorf("start PostgreSQL: %w", err)
	}
	s.life = life
	return s.await(ctx)
}

// await waits until the server says that it takes connections.
func (s *Server) await(ctx context.Context) error {
	for {
		if lines := s.pidFile(); len(lines) > 7 && strings.TrimSpace(lines[7]) == "ready" {
			return nil
		}
		select {
		case <-ctx.Done():
			return errors.Join(fmt.Errorf("PostgreSQL is not ready: %w; its log ends with: %s", ctx.Err(), s.tail()), s.Stop())
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// pidFile returns the lines of postmaster.pid: the process is the first, its
// state the eighth.
func (s *Server) pidFile() []string {
	b, err := os.ReadFile(s.pidPath())
	if err != nil {
		return nil
	}
	return strings.Split(string(b), "\n")
}

func (s *Server) pidPath() string { return filepath.Join(s.data(), "postmaster.pid") }

func (s *Server) tail() string {
	b, err := os.ReadFile(s.log.Name())
	if err != nil {
		return err.Error()
	}
	return string(b[max(0, len(b)-2000):])
}

// URL names the database; parameters, such as search_path=x, are added to it.
func (s *Server) URL(parameters ...string) string {
	if s.cfg.TCP {
		return tcpURL(s.port, parameters)
	}
	return withParameters(fmt.Sprintf("postgres://%s@/%s?host=%s&port=%d", name, database, s.dir, s.port), parameters)
}

// stopPatience is how long the server may take over its end; then it is killed.
const stopPatience = 15 * time.Second

// Stop ends the server in order: sessions are ended, what is done is kept.
func (s *Server) Stop() error {
	if s.life == nil {
		return nil
	}
	patience := time.AfterFunc(stopPatience, func() { _ = s.signal(syscall.SIGQUIT) })
	err := s.life.end()
	patience.Stop()
	s.life = nil
	_ = os.Remove(s.pidPath()) // else the next start could take it for its own
	return err
}

// Kill ends the server as a crash would.
func (s *Server) Kill() error {
	// SIGQUIT is PostgreSQL's own crash: no checkpoint, no good-bye, and, other
	// than after SIGKILL, no process and no shared memory left behind.
	if err := s.signal(syscall.SIGQUIT); err != nil {
		return fmt.Errorf("kill PostgreSQL: %w", err)
	}
	return s.Stop()
}

func (s *Server) signal(sig syscall.Signal) error {
	lines := s.pidFile()
	if len(lines) == 0 {
		return errors.New("the server does not run")
	}
	pid, err := strconv.Atoi(lines[0])
	if err != nil {
		return fmt.Errorf("postmaster.pid: %w", err)
	}
	return syscall.Kill(pid, sig)
}

// Close ends the server, and removes its folder if it was a temporary one.
func (s *Server) Close() error {
	err := s.Stop()
	if s.log != nil {
		err = errors.Join(err, s.log.Close())
	}
	if s.own {
		err = errors.Join(err, os.RemoveAll(s.dir))
	}
	return err
}
