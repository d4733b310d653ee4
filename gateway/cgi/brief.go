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

// answersBriefly waits a moment for the end of a program whose head is there. It is true if it has ended well and all of
// its answer is buffered.
func (r *run) answersBriefly() bool {
	r.mu.Lock()
	r.peeking = true
	r.mu.Unlock()
	if r.proc.Await() {
		r.brief = r.bufferRest()
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.peeking = false
	if !r.owed.IsZero() && !r.cut {
		r.setDeadlines(r.owed)
	}
	return r.brief
}

// maxPeeks bounds bufferRest against a child of the program that goes on writing little by little.
const maxPeeks = 8

// bufferRest reads what a program has left that has ended. It is true if that was all, and well.
func (r *run) bufferRest() bool {
	for peeks := 0; peeks < maxPeeks && r.out.Buffered() < r.out.Size() && r.readable(); peeks++ {
		_, err := r.out.Peek(r.out.Buffered() + 1)
		if err == io.EOF {
			s, ok := r.proc.State()
			return ok && s.Signal() == 0 && r.brokenOff() == nil
		}
		if err != nil {
			return false
		}
	}
	return false
}

// readable says whether there is output, or its end; it waits a moment for that.
func (r *run) readable() (ready bool) {
	conn, err := r.stdout.SyscallConn()
	if err != nil {
		return false
	}
	conn.Control(func(fd uintptr) { ready = process.ReadySoon(int(fd)) })
	return ready
}
