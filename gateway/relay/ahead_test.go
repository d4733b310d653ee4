package relay

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"gatewayd/gateway"
	"gatewayd/gateway/spool"
)

// meeting is an answer between a program and a client, both of them under the test's control.
type meeting struct {
	*httptest.ResponseRecorder
	takes  func(taken int) time.Duration // how long the client takes for a piece, after so many bytes; nil: no time
	breaks int                           // bytes after which the client takes no more; 0: it takes all

	answer io.Reader
	given  atomic.Int64 // bytes that were read of it
	taken  atomic.Int64 // bytes that the client has
	lead   int64        // how far the program was ahead at most
	ended  time.Time    // when it was read to its end
	closed chan struct{}
}

func newMeeting(answer io.Reader, takes func(taken int) time.Duration) *meeting {
	return &meeting{ResponseRecorder: httptest.NewRecorder(), takes: takes, answer: answer, closed: make(chan struct{})}
}

// Read is the program's side.
func (m *meeting) Read(p []byte) (int, error) {
	n, err := m.answer.Read(p)
	m.lead = max(m.lead, m.given.Add(int64(n))-m.taken.Load())
	if err != nil && m.ended.IsZero() {
		m.ended = time.Now()
	}
	return n, err
}

func (m *meeting) Close() error {
	select {
	case <-m.closed:
	default:
		close(m.closed)
	}
	return nil
}

// Write is the client's side.
func (m *meeting) Write(p []byte) (int, error) {
	m.wait()
	if m.breaks > 0 && m.taken.Load() >= int64(m.breaks) {
		return 0, io.ErrClosedPipe
	}
	m.taken.Add(int64(len(p)))
	return m.ResponseRecorder.Write(p)
}

func (m *meeting) FlushError() error {
	m.wait()
	return nil
}

func (m *meeting) wait() {
	if m.takes != nil {
		time.Sleep(m.takes(int(m.taken.Load())))
	}
}

func (m *meeting) response(length int64) *http.Response {
	return &http.Response{StatusCode: 200, Header: http.Header{}, ContentLength: length, Body: m}
}

func always(d time.Duration) func(int) time.Duration { return func(int) time.Duration { return d } }

func noise(size int) []byte {
	p := make([]byte, size)
	rand.NewChaCha8([32]byte{byte(size >> 10)}).Read(p)
	return p
}

// lockstep is how far a program is ahead of its client at most when nothing is read ahead.
const lockstep = 32 << 10

// A program whose client is slow is done as soon as it has said everything.
func TestSlowClientDoesNotKeepTheProgram(t *testing.T) {
	for _, size := range []int{40 << 10, 90 << 10, 300 << 10, 5 << 20} {
		for name, length := range map[string]int64{"announced": int64(size), "not announced": -1, "less announced": int64(size) - 20<<10} {
			for place, dir := range map[string]string{"with a file": t.TempDir(), "with memory alone": "/no/such/directory"} {
				synctest.Test(t, func(t *testing.T) {
					data := noise(size)
					m := newMeeting(bytes.NewReader(data), always(time.Hour))
					h := New(Options{Spool: spool.Options{Dir: dir}})
					begun := time.Now()
					err := h.answer(t.Context(), m, httptest.NewRequest("GET", "/", nil), m.response(length), startIdleClock(time.Minute, func() { t.Error("the idle clock has struck") }))
					want := data
					if length >= 0 {
						want = data[:length]
					}
					if err != nil || !bytes.Equal(m.Body.Bytes(), want) {
						t.Errorf("%d bytes, %s, %s: %d bytes, %v", size, name, place, m.Body.Len(), err)
					}
					small := size < 100<<10
					if held := m.ended.Sub(begun); held > 2*firstPatience && (small || place == "with a file") {
						t.Errorf("%d bytes, %s, %s: the program was kept for %v", size, name, place, held)
					}
				})
			}
		}
	}
}

// What fits into what the client takes in time is neither kept nor handed over.
func TestQuickClientIsServedInLockstep(t *testing.T) {
	for name, takes := range map[string]func(int) time.Duration{
		"at once":  always(0),
		"80 MiB/s": always(400 * time.Microsecond),
		"one pause": func(taken int) time.Duration {
			return map[bool]time.Duration{true: firstPatience * 9 / 10}[taken == 64<<10]
		},
		"too slow at the last": func(taken int) time.Duration { return map[bool]time.Duration{true: time.Hour}[taken >= 8<<20-lockstep] },
	} {
		synctest.Test(t, func(t *testing.T) {
			m := newMeeting(bytes.NewReader(noise(8<<20)), takes)
			if err := deliverTo(m, m.response(-1), startIdleClock(0, nil)); err != nil || m.Body.Len() != 8<<20 || m.lead > lockstep {
				t.Errorf("%s: the program was %d bytes ahead; %d bytes, %v", name, m.lead, m.Body.Len(), err)
			}
		})
	}
}

// Where both directions are to stay coupled, a slow client holds the program up.
func TestCoupledAnswersAreNotReadAhead(t *testing.T) {
	for name, c := range map[string]struct {
		field, value string
		stream       bool
	}{
		"event stream": {"Content-Type", "text/event-stream", false}, "X-Accel-Buffering": {"X-Accel-Buffering", "no", false}, "buffer: none": {"X", "", true},
	} {
		synctest.Test(t, func(t *testing.T) {
			m := newMeeting(bytes.NewReader(noise(1<<20)), always(time.Hour))
			resp := m.response(-1)
			resp.Header.Set(c.field, c.value)
			err := New(Options{Stream: c.stream}).answer(t.Context(), m, httptest.NewRequest("GET", "/", nil), resp, startIdleClock(time.Minute, func() { t.Error("the idle clock has struck") }))
			if err != nil || m.Body.Len() != 1<<20 || m.lead > lockstep {
				t.Errorf("%s: the program was %d bytes ahead; %d bytes, %v", name, m.lead, m.Body.Len(), err)
			}
		})
	}
}

// drips gives a byte in each second.
type drips struct{ left int }

func (d *drips) Read(p []byte) (int, error) {
	if d.left == 0 {
		return 0, io.EOF
	}
	time.Sleep(time.Second)
	d.left--
	p[0] = byte(d.left)
	return 1, nil
}

// A client that has caught up gets each byte as it comes, and what was needed for the other bytes is gone.
func TestClientCatchesUp(t *testing.T) {
	dir := t.TempDir()
	for _, size := range []int{100 << 10, 1 << 20} {
		synctest.Test(t, func(t *testing.T) {
			first := noise(size)
			m := newMeeting(io.MultiReader(bytes.NewReader(first), &drips{left: 100}), func(taken int) time.Duration {
				if taken < size/2 {
					return time.Second
				}
				return 0
			})
			behind := time.Duration(0)
			m.answer = readerFunc(func(read func([]byte) (int, error)) func([]byte) (int, error) {
				last := time.Time{}
				return func(p []byte) (int, error) {
					if m.given.Load() > int64(size)+50 { // by then it has
						behind = max(behind, time.Since(last))
						if m.given.Load()-m.taken.Load() > 1 {
							t.Errorf("%d bytes wait", m.given.Load()-m.taken.Load())
						}
					}
					n, err := read(p)
					last = time.Now()
					return n, err
				}
			}(m.answer.Read))
			h := New(Options{Spool: spool.Options{Dir: dir}})
			err := h.answer(t.Context(), m, httptest.NewRequest("GET", "/", nil), m.response(-1), startIdleClock(0, nil))
			if err != nil || m.Body.Len() != size+100 || !bytes.Equal(m.Body.Bytes()[:size], first) {
				t.Errorf("%d bytes, %v", m.Body.Len(), err)
			}
			if behind > 0 {
				t.Errorf("the next byte was asked for %v late", behind)
			}
		})
	}
}

func TestProgramDiesWhileItIsReadAhead(t *testing.T) {
	for _, size := range []int{40 << 10, 1 << 20} {
		synctest.Test(t, func(t *testing.T) {
			killed := errors.New("killed")
			data := noise(size)
			m := newMeeting(io.MultiReader(bytes.NewReader(data), errorReader{killed}), always(time.Minute))
			err := New(Options{Spool: spool.Options{Dir: t.TempDir()}}).answer(t.Context(), m, httptest.NewRequest("GET", "/", nil), m.response(-1), startIdleClock(0, nil))
			if err != killed || !bytes.Equal(m.Body.Bytes(), data) {
				t.Errorf("%d bytes of %d, %v", m.Body.Len(), size, err)
			}
		})
	}
}

// A program that ends too early while it is read ahead is found out all the same.
func TestTooLittleReadAhead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMeeting(bytes.NewReader(noise(50<<10)), always(time.Minute))
		err := deliverTo(m, m.response(60<<10), startIdleClock(0, nil))
		if e := gateway.AsError(err); e == nil || e.Status != 502 || !strings.Contains(e.Error(), "ended after 51200 bytes") {
			t.Errorf("%v", err)
		}
	})
}

// stalls is an answer that begins and then waits until it is closed or told to.
func stalls(m *meeting, size int, also <-chan struct{}) {
	m.answer = io.MultiReader(bytes.NewReader(noise(size)), readerFunc(func([]byte) (int, error) {
		select {
		case <-m.closed:
			return 0, io.ErrClosedPipe
		case <-also:
			return 0, errors.New("told to stop")
		}
	}))
}

// A client that breaks off while the program is read ahead has the program stopped at once.
func TestClientBreaksOffWhileTheProgramIsReadAhead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMeeting(nil, always(time.Minute))
		m.breaks = 30 << 10
		stalls(m, 200<<10, nil)
		begun := time.Now()
		err := deliverTo(m, m.response(-1), startIdleClock(0, nil))
		if e := gateway.AsError(err); e == nil || e.Status != gateway.StatusClientClosed || time.Since(begun) > 3*time.Minute {
			t.Errorf("%v after %v", err, time.Since(begun))
		}
	})
}

// So does the end of the request: what was read ahead is not sent any more.
func TestRequestEndsWhileTheProgramIsReadAhead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMeeting(nil, always(time.Minute))
		ctx, cancel := context.WithCancel(t.Context())
		stalls(m, 200<<10, ctx.Done())
		time.AfterFunc(90*time.Second, cancel)
		err := New(Options{}).answer(ctx, m, httptest.NewRequest("GET", "/", nil), m.response(-1), startIdleClock(0, nil))
		if !errors.Is(err, context.Canceled) || m.Body.Len() > 3*lockstep {
			t.Errorf("%v, %d bytes were sent", err, m.Body.Len())
		}
	})
}

func TestIdleClockWhileTheProgramIsReadAhead(t *testing.T) {
	for name, c := range map[string]struct {
		silent time.Duration // before the program ends
		dir    string
		fires  bool
	}{
		"the program is done":                     {0, t.TempDir(), false},
		"the program is silent":                   {2 * time.Minute, t.TempDir(), true},
		"the program speaks again in time":        {30 * time.Second, t.TempDir(), false},
		"the program waits for room, and is done": {0, "/no/such/directory", false},
	} {
		synctest.Test(t, func(t *testing.T) {
			var fired atomic.Bool
			clock := startIdleClock(time.Minute, func() { fired.Store(true) })
			clock.touch()
			defer clock.stop()
			m := newMeeting(io.MultiReader(bytes.NewReader(noise(1<<20)), readerFunc(func([]byte) (int, error) {
				time.Sleep(c.silent)
				return 0, io.EOF
			})), always(time.Hour))
			err := New(Options{Spool: spool.Options{Dir: c.dir}}).answer(t.Context(), m, httptest.NewRequest("GET", "/", nil), m.response(-1), clock)
			if err != nil || fired.Load() != c.fires {
				t.Errorf("%s: %v, the clock has struck: %t", name, err, fired.Load())
			}
		})
	}
}

// What the client does not get is drained while the client still takes its part, be that only a head.
func TestRestIsDrainedWhileTheClientIsSlow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		flushes := 0
		m := newMeeting(bytes.NewReader(noise(60<<10)), nil)
		m.takes = func(taken int) time.Duration {
			if taken == 50<<10 { // the last flush
				flushes++
				return time.Hour
			}
			return 0
		}
		begun := time.Now()
		err := deliverTo(m, m.response(50<<10), startIdleClock(0, nil))
		if held := m.ended.Sub(begun); err != nil || flushes == 0 || held > firstPatience {
			t.Errorf("%v, the program was kept for %v", err, held)
		}
	})
}
