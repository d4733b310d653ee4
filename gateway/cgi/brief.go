package cgi

import (
	"io"
	"time"

	"gatewayd/gateway/process"
)

// Most programs say what they have to say at once and end. For them nothing is set up that waits: neither for their end
// nor for what they write to their standard error. Whoever is still there after a moment is watched.

const (
	// freshTime is how long a program may run before it is watched.
	freshTime = 5 * time.Millisecond
	// idleSweeps is after how many looks at nothing the looking stops.
	idleSweeps = 20
	// briefTime is how long the head of an answer may wait for the whole of it, so that its length can be told.
	briefTime = 2 * time.Millisecond
)

// watchLater sees to it that r is watched when it is no longer fresh.
func (b *Backend) watchLater(r *run) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.fresh = append(b.fresh, r)
	if !b.sweeps {
		b.sweeps = true
		go b.sweep()
	}
}

// sweep watches what is no longer fresh, until there is nothing.
func (b *Backend) sweep() {
	for idle := 0; idle < idleSweeps || !b.sweepsOver(); {
		time.Sleep(freshTime)
		due := b.due(time.Now().Add(-freshTime))
		for _, r := range due {
			r.watch()
		}
		if idle++; len(due) > 0 {
			idle = 0
		}
	}
}

// due takes those that were started before a time and have not ended.
func (b *Backend) due(before time.Time) (due []*run) {
	b.mu.Lock()
	defer b.mu.Unlock()
	n := 0
	for ; n < len(b.fresh) && b.fresh[n].started.Before(before); n++ {
		if _, running := b.runs[b.fresh[n]]; running {
			due = append(due, b.fresh[n])
		}
	}
	left := copy(b.fresh, b.fresh[n:])
	clear(b.fresh[left:])
	b.fresh = b.fresh[:left]
	return due
}

func (b *Backend) sweepsOver() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.fresh) > 0 {
		return false
	}
	b.sweeps = false
	return true
}

// answersBriefly waits a moment for the rest of an answer whose head is there. It is true if all of it is buffered, and
// the program has ended well.
func (r *run) answersBriefly() bool {
	for end := time.Now().Add(briefTime); r.out.Buffered() < r.out.Size() && time.Now().Before(end) && r.readable(); {
		_, err := r.out.Peek(r.out.Buffered() + 1)
		if err == nil {
			continue
		}
		if err == io.EOF {
			s, ok := r.outcome()
			r.brief = ok && s.Signal() == 0 && r.brokenOff() == nil
		}
		return r.brief
	}
	return false
}

// readable waits a moment for output, or its end.
func (r *run) readable() (ready bool) {
	conn, err := r.stdout.SyscallConn()
	if err != nil {
		return false
	}
	conn.Control(func(fd uintptr) { ready = process.ReadySoon(int(fd)) })
	return ready
}
