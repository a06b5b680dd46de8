package cluster

import "sync"

// loader runs jobs that read the disk, a bounded number at a time. A worker
// lives only while there is work.
type loader struct {
	mu      sync.Mutex
	queue   []func()
	workers int
	most    int
}

// do takes a job in and returns at once. What waits is bounded by those who
// send jobs: a user has one load, and one page a connection, under way.
func (l *loader) do(job func()) {
	l.mu.Lock()
	l.queue = append(l.queue, job)
	start := l.workers < l.most
	if start {
		l.workers++
	}
	l.mu.Unlock()
	if start {
		go l.work()
	}
}

func (l *loader) work() {
	for {
		l.mu.Lock()
		if len(l.queue) == 0 {
			l.workers--
			l.mu.Unlock()
			return
		}
		job := l.queue[0]
		l.queue[0] = nil
		if l.queue = l.queue[1:]; len(l.queue) == 0 {
			l.queue = nil
		}
		l.mu.Unlock()
		job()
	}
}
