package app

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"

	"reddot/cmd/internal/config"
	"reddot/transports/mqtt"
	"reddot/transports/streams"
)

// broker is the MQTT server and what it listens on.
type broker struct {
	server *mqtt.Server
	plain  net.Listener // nil: none
	secure net.Listener // likewise
}

// openMQTT makes the server, which also /mqtt needs.
func (a *App) openMQTT(cfg *config.Config) error {
	s, err := mqtt.New(cfg.MQTT.Config, mqtt.Deps{
		Router: a.node, Topics: a.node.Topics(), Streams: a.streams, Log: a.log.With("part", "mqtt"), Registerer: a.registry, Now: a.nowMilli,
	})
	if err != nil {
		return err
	}
	a.mqtt = &broker{server: s}
	return nil
}

// MQTTAddr returns the address on which the server listens for MQTT without
// TLS, once it is started; nil: it does not.
func (a *App) MQTTAddr() net.Addr {
	if a.mqtt.plain == nil {
		return nil
	}
	return a.mqtt.plain.Addr()
}

// MQTTSecureAddr is MQTTAddr with TLS.
func (a *App) MQTTSecureAddr() net.Addr {
	if a.mqtt.secure == nil {
		return nil
	}
	return a.mqtt.secure.Addr()
}

func (a *App) listenMQTT(ctx context.Context) error {
	cfg := a.cfg.Load()
	var err error
	if cfg.MQTT.Listen != "" {
		if a.mqtt.plain, err = a.listenOn(ctx, "mqtt", cfg.MQTT.Listen); err != nil {
			return err
		}
		a.serveMQTT(a.mqtt.plain)
	}
	if cfg.MQTT.ListenTLS == "" {
		return nil
	}
	if a.mqtt.secure, err = a.listenOn(ctx, "mqtts", cfg.MQTT.ListenTLS); err != nil {
		return errors.Join(err, a.mqtt.server.Close())
	}
	if err := a.certificate.reload(); err != nil {
		return errors.Join(err, a.mqtt.secure.Close(), a.mqtt.server.Close())
	}
	a.serveMQTT(tls.NewListener(streams.Parking(a.mqtt.secure), a.certificate.config("mqtt")))
	return nil
}

func (a *App) listenOn(ctx context.Context, name, addr string) (net.Listener, error) {
	ln, err := a.listenTCP(ctx, name, addr)
	if err != nil {
		return nil, listenError(addr, "--mqtt", err)
	}
	return a.door.Checked(ln), nil
}

func (a *App) serveMQTT(ln net.Listener) {
	a.log.Info("listening for MQTT", "address", ln.Addr())
	go func() {
		if err := a.mqtt.server.Serve(ln); err != nil {
			a.fail(fmt.Errorf("mqtt: %w", err))
		}
	}()
}

// stopMQTT takes no more connections. Those that are there were sent away with
// all others, when HTTP stopped.
func (a *App) stopMQTT(context.Context) error { return a.mqtt.server.Close() }
