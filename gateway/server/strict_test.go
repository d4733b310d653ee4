package server

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"

	"gatewayd/gateway/config"
	"gatewayd/gateway/http1server"
)

var testLimits = config.HTTP{MaxHeader: testHeader, MaxHeaders: testFields, MaxURI: testURI, HeaderTimeout: 10 * time.Second, IdleTimeout: 75 * time.Second}

// slowServer is a frontend in a bubble of false time, with one client.
type slowServer struct {
	client net.Conn
	read   *bufio.Reader
	left   atomic.Int32  // requests whose client did not wait
	work   time.Duration // what each request takes
}

func inBubble(t *testing.T, conf config.HTTP, test func(*testing.T, *slowServer)) {
	synctest.Test(t, func(t *testing.T) {
		s := &slowServer{}
		f := newFrontend(s, func() *zerolog.Logger { nop := zerolog.Nop(); return &nop })
		f.setBounds(conf)
		var server net.Conn
		server, s.client = net.Pipe()
		s.read = bufio.NewReader(s.client)
		f.feed(server)
		test(t, s)
		s.client.Close()
		f.shutdown(t.Context(), 0)
	})
}

func (s *slowServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if err := http1server.FromContext(r.Context()).Refusal(); err != nil {
		http.Error(w, err.Error(), headError(err, &config.HTTP{}).Status)
		return
	}
	select {
	case <-time.After(s.work):
		io.WriteString(w, "served")
	case <-r.Context().Done():
		s.left.Add(1)
	}
}

// send writes text, one byte each pause if there is one; it gives up when the server does.
func (s *slowServer) send(text string, pause time.Duration) {
	if pause == 0 {
		io.WriteString(s.client, text)
		return
	}
	for i := range len(text) {
		if _, err := io.WriteString(s.client, text[i:i+1]); err != nil {
			return
		}
		time.Sleep(pause)
	}
}

// answers reads until the server closes and gives the statuses, with how long that took.
func (s *slowServer) answers() (statuses string, took time.Duration) {
	began := time.Now()
	for {
		resp, err := http.ReadResponse(s.read, nil)
		if err != nil {
			return strings.TrimSpace(statuses), time.Since(began)
		}
		statuses += fmt.Sprint(resp.StatusCode, " ")
		io.Copy(io.Discard, resp.Body)
	}
}

func TestSlowClients(t *testing.T) {
	whole := get("X-Long: " + strings.Repeat("x", 200)).String()
	for _, test := range []struct {
		name     string
		conf     func(*config.HTTP)
		work     time.Duration
		send     func(*slowServer)
		statuses string
		took     time.Duration
	}{
		{"nothing at all is not answered", nil, 0, func(*slowServer) {}, "", 10 * time.Second},
		{"half a head", nil, 0, func(s *slowServer) { s.send(whole[:50], 0) }, "408", 10 * time.Second},
		{"one byte", nil, 0, func(s *slowServer) { s.send("G", 0) }, "408", 10 * time.Second},
		{"all but one byte", nil, 0, func(s *slowServer) { s.send(whole[:len(whole)-1], 0) }, "408", 10 * time.Second},
		{"an empty line is nothing", nil, 0, func(s *slowServer) { s.send("\r\n", 0) }, "", 10 * time.Second},
		{"dripping does not extend it", nil, 0, func(s *slowServer) { s.send(whole, time.Second) }, "408", 10 * time.Second},
		{"dripping in time", nil, 0, func(s *slowServer) { s.send(whole, 30*time.Millisecond) }, "200", time.Duration(len(whole))*30*time.Millisecond - 30*time.Millisecond + 75*time.Second},
		{"the time counts from accept", nil, 0, func(s *slowServer) { time.Sleep(9 * time.Second); s.send("GET", 0) }, "408", 10 * time.Second},
		{"idle after an answer", nil, 0, func(s *slowServer) { s.send(whole, 0) }, "200", 75 * time.Second},
		{"idle with an empty line", nil, 0, func(s *slowServer) { s.send(whole+"\r\n", 0) }, "200", 75 * time.Second},
		{"a second head that stops", nil, 0, func(s *slowServer) { s.send(whole, 0); time.Sleep(70 * time.Second); s.send("GET /", 0) }, "200 408", 80 * time.Second},
		{"a second head that drips", nil, 0, func(s *slowServer) { s.send(whole, 0); time.Sleep(70 * time.Second); s.send(whole, time.Second) }, "200 408", 80 * time.Second},
		{"a second head over the idle time", nil, 0, func(s *slowServer) {
			s.send(whole, 0)
			time.Sleep(70 * time.Second)
			s.send("G", 0)
			time.Sleep(9 * time.Second)
			s.send(whole[1:], 0)
		}, "200 200", (79 + 75) * time.Second},
		{"a head that stops behind a request at work", nil, 30 * time.Second, func(s *slowServer) { s.send(whole+"GET /", 0) }, "200 408", 30 * time.Second},
		{"a whole head behind a request at work", nil, 30 * time.Second, func(s *slowServer) { s.send(whole+whole, 0) }, "200 200", (60 + 75) * time.Second},
		{"a bad head behind a request at work", nil, 30 * time.Second, func(s *slowServer) { s.send(whole+"GET /\x00", 0) }, "200 400", 30 * time.Second},
		{"a head that comes in two halves around an answer", nil, 5 * time.Second, func(s *slowServer) {
			s.send(whole+whole[:50], 0)
			time.Sleep(8 * time.Second)
			s.send(whole[50:], 0)
		}, "200 200", (8 + 5 + 75) * time.Second},
		{"no time for heads", func(c *config.HTTP) { c.HeaderTimeout = 0 }, 0, func(s *slowServer) {
			time.Sleep(time.Hour)
			s.send(whole[:50], 0)
			time.Sleep(time.Hour)
			s.send(whole[50:], 0)
		}, "200", 2*time.Hour + 75*time.Second},
		{"no idle time", func(c *config.HTTP) { c.IdleTimeout = 0 }, 0, func(s *slowServer) { s.send(whole, 0); time.Sleep(time.Hour); s.send("GET", 0) }, "200 408", time.Hour + 10*time.Second},
	} {
		t.Run(test.name, func(t *testing.T) {
			conf := testLimits
			if test.conf != nil {
				test.conf(&conf)
			}
			inBubble(t, conf, func(t *testing.T, s *slowServer) {
				s.work = test.work
				sent := make(chan struct{})
				go func() { defer close(sent); test.send(s) }()
				if statuses, took := s.answers(); statuses != test.statuses || took != test.took {
					t.Errorf("%q after %v, want %q after %v", statuses, took, test.statuses, test.took)
				}
				<-sent
			})
		})
	}
}

// A client that leaves is noticed while its request is at work, at once if that has begun some time ago, even in the
// middle of another head.
func TestClientThatLeavesInTheMiddleOfAHead(t *testing.T) {
	for _, behind := range []string{"", "G", "GET /half", "\r\n"} {
		inBubble(t, testLimits, func(t *testing.T, s *slowServer) {
			s.work = time.Hour
			s.send(get().String()+behind, 0)
			time.Sleep(time.Second)
			if s.left.Load() != 0 {
				t.Errorf("%q: the client was taken for gone", behind)
			}
			s.client.Close()
			synctest.Wait()
			if s.left.Load() != 1 {
				t.Errorf("%q: nobody noticed that the client left", behind)
			}
		})
	}
}

// The timeouts over a real connection, and in the logs.
func TestSlowHeadIsLogged(t *testing.T) {
	dir := tree(t, nil)
	access, log := dir+"/access.log", dir+"/server.log"
	addr := startLogged(t, dir, access, log, "http: { header_timeout: 200ms, idle_timeout: 300ms }\nroutes: { /*: { respond: { status: 200, body: ok } } }\n")
	accessed, logged := openTail(t, access), openTail(t, log)
	for text, want := range map[string]string{"": "", "GET /slow HTTP/1.1\r\nHost: example.org\r\n": `"GET /slow HTTP/1.1" 408 `, "POST /slo": `"POST /slo " 408 `} {
		began := time.Now()
		answer, err := exchange(addr, text)
		took := time.Since(began)
		if err != nil || took < 200*time.Millisecond || took > 5*time.Second || (want == "") != (len(answer) == 0) {
			t.Errorf("%q: %q after %v, %v", text, answer, took, err)
		}
		if want == "" {
			continue
		}
		if line := accessed.line(); !strings.Contains(line, want) {
			t.Errorf("%q: the access log says %q", text, line)
		}
		if !logged.find("http.header_timeout: 200ms") {
			t.Errorf("%q: the log does not say why", text)
		}
	}
	if answer, err := exchange(addr, get().String()); err != nil || !bytes.HasPrefix(answer, []byte("HTTP/1.1 200")) {
		t.Errorf("%q, %v", answer, err) // closed after idle_timeout
	}
}

// A head that the client does not finish is a bad one if it stays to hear so.
func TestHeadCutOff(t *testing.T) {
	s := startBadServer(t)
	conn, err := net.Dial("tcp", s.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(10 * time.Second))
	io.WriteString(conn, canary+"GET /half HTTP/1.1\r\nHost: example.org\r\n")
	conn.(*net.TCPConn).CloseWrite()
	answer, err := io.ReadAll(conn)
	if err != nil || bytes.Count(answer, []byte("HTTP/1.1 ")) != 2 || !bytes.Contains(answer, []byte("HTTP/1.1 400 ")) {
		t.Errorf("%q, %v", answer, err)
	}
	if lines := s.access.lines(2); !strings.Contains(lines[1], `"GET /half HTTP/1.1" 400 `) || !strings.Contains(lines[1], `host="example.org"`) {
		t.Errorf("the log says %q", lines)
	}
}
