package worker

import (
	"testing"
	"time"

	"gatewayd/gateway/upstream"
)

// Some libraries end the program when they are asked what they do not know, or when a connection brings no request.
func TestWorkersThatCannotBeAsked(t *testing.T) {
	s := spec(t, "touchy")
	s.Workers = 3
	p, r := readyPool(t, s)
	for range 6 {
		if ask(t, p, askPid) == "" {
			t.Error("no answer")
		}
	}
	if n := len(r.of(GaveUp)) + len(r.of(Died)); n > 0 {
		t.Errorf("the log complains of %d workers", n)
	}
	l := lease(t, p)
	before := p.Stats().Workers
	l.Release(upstream.Abandoned)
	eventually(t, "the worker that may be busy is replaced", func() bool {
		for i, w := range p.Stats().Workers {
			if w.Restarts > before[i].Restarts && w.State == "ready" {
				return true
			}
		}
		return false
	})
}

func TestWorkersThatDoNotAnswerTheQuestion(t *testing.T) {
	p, _ := readyPool(t, spec(t, "mute"))
	first := ask(t, p, askPid)
	l := lease(t, p)
	l.Release(upstream.Abandoned)
	begun := time.Now()
	if second := ask(t, p, askPid); second != first || time.Since(begun) > 5*time.Second {
		t.Errorf("pid %s, then %s after %s", first, second, time.Since(begun))
	}
}
