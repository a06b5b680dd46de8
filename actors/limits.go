package actors

import (
	"fmt"
	"runtime"
	"time"
)

// Limits bound what one user may take up. The zero value of a field means its
// default. What has a yaml tag is a setting.
type Limits struct {
	InboxLimits
	SessionLimits
	RetainedLimits
	BroadcastLimits
	EraseWithin    time.Duration // what nobody needs any more is off the disk by then (inbox/retention.go); default 24 hours
	Outbox         int           // requests of one user that wait for the disk; default 4,096
	Waiting        int           // messages that wait while a user is loaded; default 4,096
	SendRecipients int           // of one send to many; default 1,000
	Broadcasts     int           // messages that an app's broadcast log keeps; default 10,000
	TopicBytes     int           // of a message that is published to a topic; default 256 KiB
}

// InboxLimits bound an inbox, and what is kept for those who watch it.
type InboxLimits struct {
	Messages     int           `yaml:"messages" min:"1"`                 // in an inbox; default 1,000
	MessageAge   time.Duration `yaml:"message_age" min:"1ns"`            // default 30 days
	InboxBytes   int           `yaml:"size" unit:"bytes" min:"1"`        // of content in an inbox; default 4 MiB
	RetainEvents int           `yaml:"retain_events" min:"1"`            // in the journal, for those who resume; default 1,000
	RetainAge    time.Duration `yaml:"retain_age" min:"1ns"`             // default 24 hours
	RetainBytes  int           `yaml:"retain_size" unit:"bytes" min:"1"` // default 4 MiB
	Connections  int           `yaml:"connections" min:"1"`              // of one user; default 100
}

// BroadcastLimits bound what is broadcast.
type BroadcastLimits struct {
	Pace int `yaml:"pace" min:"0"` // users of an app whom one node tells a second, of those who are connected; default 10,000 for each processor, so that messages to single users do not wait
}

// SessionLimits bound the MQTT sessions that outlive their connections.
type SessionLimits struct {
	Sessions        int `yaml:"sessions" min:"1"` // of one user; default 32
	SessionMessages int // that wait for one session; default 1,000
	SessionBytes    int // of those; default 4 MiB
	SessionsBytes   int `yaml:"sessions_size" unit:"bytes" min:"1"`        // of those that wait for all sessions of one user; default 16 MiB
	SessionsOfApp   int `yaml:"sessions_of_app" min:"1"`                   // of all users of one app, about; default 250,000
	SizeOfApp       int `yaml:"sessions_size_of_app" unit:"bytes" min:"1"` // bytes of what waits for those, about; default 1 GiB
}

// RetainedLimits bound the messages of one user that topics retain. They are kept in
// parts, so that numbers and sizes hold to a quarter more or less.
type RetainedLimits struct {
	Retained       int           `yaml:"retained" min:"1"`                      // default 1,000
	RetainedBytes  int           `yaml:"retained_size" unit:"bytes" min:"1"`    // of one such; default 64 KiB
	RetainedOfUser int           `yaml:"retained_of_user" unit:"bytes" min:"1"` // bytes of those of one user; default 4 MiB
	RetainedOfApp  int           `yaml:"retained_of_app" unit:"bytes" min:"1"`  // likewise of one app; default 256 MiB
	RetainedAge    time.Duration `yaml:"retained_age" min:"1s"`                 // after which a topic retains a message no longer; default 90 days
}

// WithDefaults returns l with defaults in the place of zeros, or an error that
// names the field that makes no sense.
func (l Limits) WithDefaults() (Limits, error) {
	ints := []struct {
		name string
		p    *int
		def  int
	}{
		{"messages", &l.Messages, 1000}, {"inbox_bytes", &l.InboxBytes, 4 << 20},
		{"retain_events", &l.RetainEvents, 1000}, {"retain_bytes", &l.RetainBytes, 4 << 20},
		{"connections", &l.Connections, 100}, {"outbox", &l.Outbox, 4096}, {"waiting", &l.Waiting, 4096},
		{"send_recipients", &l.SendRecipients, 1000}, {"broadcasts", &l.Broadcasts, 10_000},
		{"sessions", &l.Sessions, 32}, {"session_messages", &l.SessionMessages, 1000}, {"session_bytes", &l.SessionBytes, 4 << 20},
		{"sessions_of_app", &l.SessionsOfApp, 250_000}, {"sessions_size_of_app", &l.SizeOfApp, 1 << 30},
		{"retained", &l.Retained, 1000}, {"retained_bytes", &l.RetainedBytes, 64 << 10},
		{"sessions_bytes", &l.SessionsBytes, 16 << 20}, {"retained_of_user", &l.RetainedOfUser, 4 << 20}, {"retained_of_app", &l.RetainedOfApp, 256 << 20},
		{"topic_bytes", &l.TopicBytes, 256 << 10}, {"pace", &l.Pace, 5_000 * runtime.GOMAXPROCS(0)},
	}
	for _, f := range ints {
		if *f.p < 0 {
			return l, fmt.Errorf("%s: %d is below zero", f.name, *f.p)
		}
		if *f.p == 0 {
			*f.p = f.def
		}
	}
	for _, f := range []struct {
		name string
		p    *time.Duration
		def  time.Duration
	}{{"message_age", &l.MessageAge, 30 * 24 * time.Hour}, {"retain_age", &l.RetainAge, 24 * time.Hour}, {"erase_within", &l.EraseWithin, 24 * time.Hour},
		{"retained_age", &l.RetainedAge, 90 * 24 * time.Hour}} {
		if *f.p < 0 {
			return l, fmt.Errorf("%s: %v is below zero", f.name, *f.p)
		}
		if *f.p == 0 {
			*f.p = f.def
		}
	}
	return l, nil
}

// SweepAt returns when what is superfluous since a moment is to be swept away.
func (l *Limits) SweepAt(since int64, lineage uint64) int64 {
	step := l.EraseStep()
	return since + step + int64(lineage%uint64(step))
}

// EraseStep returns a quarter of EraseWithin, in milliseconds.
func (l *Limits) EraseStep() int64 { return max(1, l.EraseWithin.Milliseconds()/4) }

// SpreadOut returns when what is superfluous from a moment on, and has had its
// quarter before, is to be swept away.
func (l *Limits) SpreadOut(from int64, lineage uint64) int64 {
	return l.SweepAt(from, lineage) - l.EraseStep()
}
