package app

import (
	"context"
	"fmt"
	"net/http"
	"net/http/pprof"
	"time"
)

// profiles serves Go's profiles, on an address of their own: who may see them
// sees what is in memory.
type profiles struct{ server *http.Server }

func (a *App) openProfiles(ctx context.Context) error {
	addr := a.cfg.Load().Pprof
	mux := http.NewServeMux()
	mux.HandleFunc("/debug/pprof/", pprof.Index)
	mux.HandleFunc("/debug/pprof/cmdline", pprof.Cmdline)
	mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("/debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("/debug/pprof/trace", pprof.Trace)
	ln, err := a.listenTCP(ctx, "profiles", addr)
	if err != nil {
		return listenError(addr, "--pprof", err)
	}
	a.profiles = &profiles{&http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second}}
	a.log.Info("profiles are served", "url", "http://"+ln.Addr().String()+"/debug/pprof/")
	go func() {
		if err := a.profiles.server.Serve(ln); err != http.ErrServerClosed {
			a.fail(fmt.Errorf("profiles: %w", err))
		}
	}()
	return nil
}

func (a *App) closeProfiles(context.Context) error {
	return a.profiles.server.Close()
}
