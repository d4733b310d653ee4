package fastcgi_test

import (
	"fmt"
	"io"
	"strings"
	"time"

	"gatewayd/gateway/upstream"
)

// garbage is no FastCGI at all.
func garbage() (all []hostile) {
	for _, g := range []struct{ name, says, log string }{
		{"an HTTP server", "HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n", "speaks HTTP, not FastCGI"},
		{"an SSH server", "SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n", `"SSH-2.0-`},
		{"a Redis server", "-ERR unknown command\r\n", `"-ERR unk`},
		{"an SMTP server", "220 mail.example.org ESMTP\r\n", `"220 mail`},
		{"a TLS server", "\x15\x03\x01\x00\x02\x02\x28\x15\x03\x01\x00\x02\x02\x28", "version 21"},
		{"an SCGI answer", "Status: 200 OK\r\n" + plain + "hello", `"Status: `},
		{"a CGI answer", plain + "hello", `"Content-`},
		{"a uwsgi packet", "\x00\x10\x00\x00\x05\x00hello\x05\x00hello", "version 0"},
		{"zeros", strings.Repeat("\x00", 64), "version 0"},
		{"ones", strings.Repeat("\xff", 64), "version 255"},
		{"line ends", strings.Repeat("\r\n", 64), "version 13"},
		{"escape sequences", "\x1b[2J\x1b]0;evil\x07 and more", `\x1b[2J`},
		{"version 0", "\x00" + page("x")[1:] + done(), "version 0, not 1: 00 06 00 01"},
		{"version 2", "\x02" + page("x")[1:] + done(), "version 2, not 1: 02 06 00 01"},
		{"one byte too many before the answer", "\x06" + page("x") + done(), "version 6"},
		{"one byte too few before the answer", page("x")[1:] + done(), "version 6"},
		{"a flood of garbage", strings.Repeat("garbage ", 1<<16), `"garbage`},
	} {
		all = append(all,
			hostile{name: g.name, says: g.says, status: 502, log: []string{"fastcgi: ", g.log, "HINT"}, outcome: upstream.Faulty},
			hostile{name: g.name + " that closes", says: g.says, then: closes, method: "POST", status: 502, log: []string{g.log}, outcome: upstream.Faulty},
			hostile{name: g.name + " after the head", says: page("x") + g.says, status: 502, cut: true, want: "x", outcome: upstream.Faulty},
		)
	}
	return all
}

// wrongRecords are records that do not belong there: in place of the answer, inside the head, and inside the body.
func wrongRecords() (all []hostile) {
	for _, r := range []struct{ name, says, log string }{
		{"STDOUT of request 2", record(6, 2, "secret", 0), "request id 2"},
		{"STDOUT of request 0", record(6, 0, "secret", 0), "request id 0"},
		{"STDOUT of request 256", record(6, 256, "secret", 0), "request id 256"},
		{"STDOUT of request 65535", record(6, 65535, "secret", 0), "request id 65535"},
		{"STDERR of another request", record(7, 2, "secret", 0), "request id 2"},
		{"END of another request", record(3, 2, "\x00\x00\x00\x00\x00\x00\x00\x00", 0), "request id 2"},
		{"BEGIN_REQUEST", record(1, 1, "\x00\x01\x01\x00\x00\x00\x00\x00", 0), "BEGIN_REQUEST"},
		{"ABORT_REQUEST", record(2, 1, "", 0), "ABORT_REQUEST"},
		{"PARAMS", record(4, 1, "\x01\x01Ab", 0), "PARAMS"},
		{"STDIN", record(5, 1, "echo", 0), "STDIN"},
		{"DATA", record(8, 1, "data", 0), "DATA"},
		{"type 0", record(0, 1, "", 0), "type 0"},
		{"type 99", record(99, 1, "", 0), "type 99"},
		{"type 255 of another request", record(255, 7, "", 0), "type 255"},
		{"GET_VALUES_RESULT of a request", record(10, 1, "", 0), "GET_VALUES_RESULT"},
		{"END without content", record(3, 1, "", 0), "END_REQUEST of 0 bytes"},
		{"END of 7 bytes", record(3, 1, "\x00\x00\x00\x00\x00\x00\x00", 0), "END_REQUEST of 7 bytes"},
		{"END of 9 bytes", record(3, 1, "\x00\x00\x00\x00\x00\x00\x00\x00\x00", 0), "END_REQUEST of 9 bytes"},
		{"END of 65535 bytes", record(3, 1, strings.Repeat("\x00", 65535), 0), "END_REQUEST of 65535 bytes"},
		{"a management record of 64 KiB", record(10, 0, strings.Repeat("v", 65535), 0), "GET_VALUES_RESULT"},
	} {
		c := hostile{says: r.says + done(), status: 502, log: []string{"fastcgi: ", r.log, fmt.Sprintf("01 %02x", r.says[1])}, outcome: upstream.Faulty}
		c.name = r.name
		all = append(all, c)
		c.name, c.says = r.name+" inside the head", stdout("Content-Type: te")+r.says+stdout("xt/plain\n\nx")+done()
		all = append(all, c)
		c.name, c.says, c.cut, c.want = r.name+" inside the body", page("one")+r.says+stdout("two")+done(), true, "one"
		all = append(all, c)
	}
	return append(all, hostile{name: "an echo server", status: 502, log: []string{"BEGIN_REQUEST"}, outcome: upstream.Faulty, does: func(k *talk) {
		buf := make([]byte, 4096)
		for {
			n, err := k.Read(buf)
			if err != nil {
				return
			}
			k.Write(buf[:n])
		}
	}})
}

// lies are lengths and paddings that are not what they seem. None of it is wrong unless bytes are missing.
func lies() []hostile {
	fake := page("evil") + done()
	padded := func(r string) string { // the padding of a record is another record
		b := []byte(r + fake)
		b[6] = byte(len(fake))
		return string(b)
	}
	short := func(claimed int) string {
		return "\x01\x06\x00\x01" + string([]byte{byte(claimed >> 8), byte(claimed)}) + "\x00\x00"
	}
	big := strings.Repeat("b", 65535-len(plain))
	return []hostile{
		{name: "padding of 255 bytes everywhere", says: record(6, 1, plain+"x", 255) + record(7, 1, "e\n", 255) + record(6, 1, "", 255) + record(3, 1, "\x00\x00\x00\x00\x00\x00\x00\x00", 255),
			status: 200, want: "x", stderr: []string{"e"}, next: either},
		{name: "records in the padding", says: padded(page("x")) + padded(stdout("")) + padded(ending(0, 0)), status: 200, want: "x", next: either},
		{name: "records in the content", says: page(fake) + stdout(fake) + done(), status: 200, want: fake + fake, next: kept},
		{name: "records in standard error", says: stderr(fake) + page("x") + done(), status: 200, want: "x", next: kept},
		{name: "the largest record with the largest padding", says: record(6, 1, plain+big, 255) + record(6, 1, strings.Repeat("c", 65535), 255) + done(), status: 200, want: big + strings.Repeat("c", 65535), next: kept},
		{name: "content and padding whose sum wraps in 16 bits", says: record(6, 1, plain+big[:65535-len(plain)-254], 255) + done(), status: 200, want: big[:65535-len(plain)-254], next: kept},
		{name: "single bytes a record", says: singles(plain+"hello") + done(), status: 200, want: "hello", next: kept},
		{name: "a length of which nothing comes", says: short(65535), then: closes, method: "POST", status: 502, log: []string{"fastcgi: ", "closed"}, outcome: upstream.Broken},
		{name: "a length of which a part comes", says: short(65535) + plain, then: closes, status: 502, log: []string{"closed"}, cut: true, outcome: upstream.Broken},
		{name: "a length that includes the end", says: page("x") + short(5) + done(), then: closes, status: 502, cut: true, want: "x" + done()[:5], outcome: upstream.Faulty},
		{name: "a length that swallows the end", says: page("x") + short(500) + done(), then: closes, status: 502, cut: true, want: "x" + done(), log: []string{"closed"}, outcome: upstream.Broken},
		{name: "a length of which nothing comes, and no end", says: short(65535), limit: 100 * time.Millisecond, status: 504, outcome: upstream.Faulty},
		{name: "padding of which nothing comes", says: page("x") + "\x01\x06\x00\x01\x00\x00\xff\x00", then: closes, status: 502, cut: true, want: "x", outcome: upstream.Broken},
		{name: "END whose padding does not come", says: page("x") + stdout("") + "\x01\x03\x00\x01\x00\x08\xff\x00\x00\x00\x00\x00\x00\x00\x00\x00", status: 200, want: "x"},
	}
}

func singles(text string) (all string) {
	for i := range len(text) {
		all += stdout(text[i : i+1])
	}
	return all
}

// disorder is right records in the wrong order, or too many of them.
func disorder() []hostile {
	values := record(10, 0, "\x0f\x01FCGI_MPXS_CONNS0", 0)
	return []hostile{
		{name: "nothing but END", says: ending(0, 0), status: 502, log: []string{"without any output"}, next: kept},
		{name: "an empty answer", says: done(), status: 502, log: []string{"without any output"}, next: kept},
		{name: "END twice", says: page("x") + done() + ending(0, 0), status: 200, want: "x"},
		{name: "another answer after END", says: page("x") + done() + page("evil") + done(), status: 200, want: "x"},
		{name: "half a record after END", says: page("x") + done() + "\x01\x06\x00", status: 200, want: "x"},
		{name: "garbage after END", says: page("x") + done() + "garbage", status: 200, want: "x"},
		{name: "a byte after END", says: page("x") + done() + "\x00", status: 200, want: "x"},
		{name: "standard error after END", says: page("x") + done() + stderr("late\n"), status: 200, want: "x"},
		{name: "values after END", says: page("x") + done() + values, status: 200, want: "x"},
		{name: "STDOUT after its end", says: page("x") + stdout("") + stdout("more") + done(), status: 502, cut: true, want: "x", log: []string{"after its end"}, outcome: upstream.Faulty},
		{name: "the answer after the end of STDOUT", says: stdout("") + page("x") + done(), status: 502, log: []string{"after its end"}, outcome: upstream.Faulty},
		{name: "the end of STDOUT twice", says: page("x") + stdout("") + done(), status: 200, want: "x", next: kept},
		{name: "no end of STDOUT", says: page("x") + ending(0, 0), status: 200, want: "x", next: kept},
		{name: "no end of STDOUT, END with status 1", says: page("x") + ending(1, 0), status: 200, want: "x", next: kept},
		{name: "END with status 0xffffffff", says: page("x") + stdout("") + ending(1<<32-1, 0), status: 200, want: "x", next: kept},
		{name: "reserved bytes of END", says: page("x") + record(3, 1, "\x00\x00\x00\x00\x00\xff\xff\xff", 0), status: 200, want: "x", next: kept},
		{name: "values that nobody asked for", says: values + stdout("Content-Type: te") + values + stdout("xt/plain\n\nx") + values + done(), status: 200, want: "x", next: kept},
		{name: "values that are no pairs", says: record(10, 0, "\xff\xff\xff\xff\xff\xff\xff\xff", 0) + page("x") + done(), status: 200, want: "x", next: kept},
		{name: "UNKNOWN_TYPE", says: record(11, 0, "\x05\x00\x00\x00\x00\x00\x00\x00", 0) + page("x") + done(), status: 200, want: "x", next: kept},
		{name: "a management record of type 200", says: record(200, 0, "who knows", 3) + page("x") + done(), status: 200, want: "x", next: kept},
		{name: "a question", says: record(9, 0, "\x0e\x00FCGI_MAX_CONNS", 0) + page("x") + done(), status: 200, want: "x", next: kept},
		{name: "management records without end", status: 502, log: []string{"without end"}, outcome: upstream.Faulty, does: func(k *talk) {
			k.request()
			k.drip(strings.Repeat(values, 100), 0)
		}},
	}
}

// refusals are protocol statuses.
func refusals() (all []hostile) {
	for _, r := range []struct {
		status byte
		http   int
		log    string
	}{{1, 502, "CANT_MPX_CONN"}, {2, 503, "OVERLOADED"}, {3, 502, "UNKNOWN_ROLE"}, {4, 502, "protocol status 4"}, {255, 502, "protocol status 255"}} {
		all = append(all,
			hostile{name: r.log, says: ending(0, r.status), status: r.http, log: []string{"fastcgi: ", r.log}, next: either},
			hostile{name: r.log + " that closes", says: stdout("") + ending(0, r.status), then: closes, method: "POST", status: r.http, log: []string{r.log}},
			hostile{name: r.log + " inside the head", says: stdout("Content-Type: te") + ending(0, r.status), status: r.http, log: []string{r.log}, next: either},
			hostile{name: r.log + " after an answer", says: page("x") + stdout("") + ending(0, r.status), status: r.http, cut: true, want: "x", log: []string{r.log}, next: either},
		)
	}
	return all
}

// badHeads are answers in good records that are none: one of each kind that cgispec knows.
func badHeads() (all []hostile) {
	for _, h := range []struct{ name, says, log string }{
		{"a head that ends too soon", "Content-Type: text/html\r\n", "ended inside the head"},
		{"only an interim head", "Status: 103\n\n", "after an interim answer"},
		{"text without a head", "hello\nworld\n", `"hello"`},
		{"a line without a colon", "Content-Type: text/html\noops\n\nx", `line 2 of the answer`},
		{"a NUL in a value", "Content-Type: text/html\nX: a\x00b\n\nx", `\x00`},
		{"a bare CR in a value", "Content-Type: text/html\nX: a\rSet-Cookie: b\n\nx", `\r`},
		{"a blank before the colon", "Content-Length : 5\n\nhello", "blank before the colon"},
		{"a folded line", "X: a\n b\n\nx", "folded"},
		{"a head that is too long", "X: " + strings.Repeat("h", 70000) + "\n\nx", "longer than 65536 bytes"},
		{"too many fields", strings.Repeat("X: y\n", 5000) + "\nx", "header fields"},
		{"a status that is none", "Status: 1000\n\nx", `"1000"`},
		{"status 101", "Status: 101\n\nx", `"101"`},
		{"two statuses", "Status: 200\nStatus: 404\n\nx", "Status"},
		{"two lengths", "Content-Length: 1\nContent-Length: 2\n\nx", "Content-Length"},
		{"a length that is none", "Content-Length: -1\n\nx", `"-1"`},
		{"a bad location", "Location: http://h/\x01\n\n", `\x01`},
		{"PHP source", "<?php echo 1;\n", "PHP source"},
	} {
		says := ""
		for text := h.says; text != ""; {
			n := min(len(text), 65535)
			says, text = says+stdout(text[:n]), text[n:]
		}
		all = append(all, hostile{name: h.name, says: says + done(), status: 502, log: []string{"fastcgi: ", h.log, "HINT "}, next: either})
	}
	return append(all, hostile{name: "a head without end", status: 502, log: []string{"longer than 65536 bytes"}, outcome: upstream.Abandoned, does: func(k *talk) {
		k.request()
		k.drip(stdout(strings.Repeat("X-Head: "+strings.Repeat("endless ", 20)+"\r\n", 100)), 0)
	}}, hostile{name: "a line without end", status: 502, log: []string{"longer than 65536 bytes"}, outcome: upstream.Abandoned, does: func(k *talk) {
		k.request()
		k.send(stdout("X-Line: "))
		k.drip(stdout(strings.Repeat("endless", 1000)), 0)
	}})
}

// noises are what an application says to standard error.
func noises() []hostile {
	line := strings.Repeat("n", 100)
	return []hostile{
		{name: "standard error everywhere", says: stderr("one\n") + stdout("Content-Type: te") + stderr("two\n") + stdout("xt/plain\n\nx") + stderr("thr") + stdout("y") + stderr("ee\n") + stdout("") + stderr("four\n") + stderr("") + ending(0, 0),
			status: 200, want: "xy", stderr: []string{"one", "two", "three", "four"}, next: kept},
		{name: "empty standard error everywhere", says: stderr("") + stdout("Content-Type: te") + stderr("") + stderr("late\n") + stdout("xt/plain\n\nx") + stderr("") + done(), status: 200, want: "x", stderr: []string{"late"}, next: kept},
		{name: "nothing but standard error", says: stderr("PHP Fatal error: out of ideas\n") + stdout("") + ending(255, 0), status: 502, log: []string{"without any output", "status 255", "out of ideas"}, stderr: []string{"PHP Fatal error: out of ideas"}, next: either},
		{name: "control characters in standard error", says: stderr("a\x1b[2J\x00b\n") + done(), status: 502, log: []string{`\x1b[2J\x00b`}, next: either},
		{name: "4 MB of standard error", says: strings.Repeat(stderr(strings.Repeat(line+"\n", 500)), 80) + page("x") + done(), status: 200, want: "x", stderr: []string{line}, next: kept},
		{name: "4 MB of standard error in one line", says: strings.Repeat(stderr(strings.Repeat("n", 50000)), 80) + page("x") + done(), status: 200, want: "x", next: kept},
		{name: "standard error without end", limit: 300 * time.Millisecond, status: 504, outcome: upstream.Faulty, does: func(k *talk) {
			k.request()
			k.drip(strings.Repeat(stderr("noise\n"), 1000), 0)
		}},
		{name: "empty records without end", limit: 300 * time.Millisecond, status: 504, outcome: upstream.Faulty, does: func(k *talk) {
			k.request()
			k.drip(strings.Repeat(stderr(""), 1000), 0)
		}},
	}
}

// silences are answers that do not come, or come too slowly, or without end.
func silences() []hostile {
	const limit = 100 * time.Millisecond
	timeout := func(name string, does func(*talk)) hostile {
		return hostile{name: name, limit: limit, status: 504, log: []string{"timeout"}, outcome: upstream.Faulty, does: does}
	}
	body := func(c hostile, n int) hostile {
		c.method, c.body = "POST", n
		return c
	}
	cut := func(c hostile, want string) hostile {
		c.cut, c.want = true, want
		return c
	}
	silent := func(says string) func(*talk) {
		return func(k *talk) {
			k.request()
			k.send(says)
			for k.request() { // an abort makes no impression
			}
		}
	}
	dripping := func(before, drop string) func(*talk) {
		return func(k *talk) {
			k.request()
			k.send(before)
			k.drip(drop, 3*time.Millisecond)
		}
	}
	return []hostile{
		timeout("never reads", (*talk).stare),
		body(timeout("never reads, and the body is large", (*talk).stare), 8<<20),
		timeout("reads and is silent", silent("")),
		timeout("is silent after half a head of a record", silent("\x01\x06\x00\x01")),
		timeout("is silent inside the head", silent(stdout("Content-Type: text"))),
		timeout("is silent after empty STDOUT", silent(stdout(""))),
		timeout("is silent inside END", silent(stdout("")+ending(0, 0)[:10])),
		cut(timeout("is silent after the head", silent(page(""))), ""),
		cut(timeout("is silent inside the body", silent(page("half"))), "half"),
		cut(timeout("is silent before END", silent(page("all")+stdout(""))), "all"),
		timeout("drips a record of one byte", dripping("", stdout("X"))),
		timeout("drips one record", dripping("\x01\x06\x00\x01\xff\xff\x00\x00", "X")),
		timeout("drips empty records", dripping("", stderr(""))),
		cut(timeout("drips a body without end", dripping(page(""), stdout("."))), strings.Repeat(".", 10000)),
		body(timeout("reads the parameters only", func(k *talk) {
			k.params()
			k.stare()
		}), 8<<20),
		body(timeout("reads one byte at a time", func(k *talk) {
			k.params()
			buf := make([]byte, 1)
			for _, err := k.Read(buf); err == nil; _, err = k.Read(buf) {
				time.Sleep(time.Millisecond)
			}
		}), 8<<20),
	}
}

// endings are connections that end at every stage.
func endings() (all []hostile) {
	read := func(n int64) func(*talk) {
		return func(k *talk) {
			io.CopyN(io.Discard, k, n)
		}
	}
	stages := []struct {
		name string
		does func(*talk) // what comes before
		want string
		cut  bool
	}{
		{"at once", func(*talk) {}, "", false},
		{"inside BEGIN_REQUEST", read(5), "", false},
		{"after BEGIN_REQUEST", func(k *talk) { k.record() }, "", false},
		{"inside the parameters", func(k *talk) { k.record(); read(20)(k) }, "", false},
		{"after the parameters", func(k *talk) { k.params() }, "", false},
		{"after the request", func(k *talk) { k.request() }, "", false},
		{"after half a head of a record", func(k *talk) { k.request(); k.send(page("x")[:4]) }, "", false},
		{"after standard error", func(k *talk) { k.request(); k.send(stderr("my last words\n")) }, "", false},
		{"inside the head", func(k *talk) { k.request(); k.send(stdout("Content-Type: te")) }, "", false},
		{"after the head", func(k *talk) { k.request(); k.send(page("")) }, "", true},
		{"inside the body", func(k *talk) { k.request(); k.send(page("half")) }, "half", true},
		{"inside a record of the body", func(k *talk) { k.request(); k.send(page("") + record(6, 1, "half", 0)[:10]) }, "half", true},
		{"after the body", func(k *talk) { k.request(); k.send(page("all") + stdout("")) }, "all", true},
		{"inside END", func(k *talk) { k.request(); k.send(page("all") + done()[:20]) }, "all", true},
	}
	for _, s := range stages {
		for how, word := range map[then]string{closes: "closes", shuts: "shuts its side", resets: "resets"} {
			for _, method := range []string{"GET", "POST"} {
				log := []string{"fastcgi: "}
				if s.name == "after standard error" {
					log = append(log, "my last words")
				}
				all = append(all, hostile{
					anyOutcome: s.name == "at once" && how == resets, // connecting may have failed already
					name:       word + " " + s.name + ", " + method, method: method, status: 502, want: s.want, cut: s.cut, outcome: upstream.Broken, log: log,
					does: func(k *talk) {
						s.does(k)
						k.end(how)
					},
				})
			}
		}
	}
	return all
}

// earlyAnswers come before the request has been read, or even sent.
func earlyAnswers() []hostile {
	const size = 3 << 20
	refusal := stdout("Status: 413\r\n\r\ntoo large") + done()
	early := func(name string, next reuse, does func(*talk)) hostile {
		return hostile{name: name, method: "POST", body: size, status: 413, want: "too large", next: next, does: does}
	}
	return []hostile{
		early("answers before it reads", anew, func(k *talk) {
			k.send(refusal)
			k.stare()
		}),
		early("answers after the parameters and reads no more", anew, func(k *talk) {
			k.params()
			k.send(refusal)
			k.stare()
		}),
		early("answers after the parameters and closes", anew, func(k *talk) {
			k.params()
			k.send(refusal)
			k.end(closes)
		}),
		early("answers after the parameters and shuts its side", anew, func(k *talk) {
			k.params()
			k.send(refusal)
			k.end(shuts)
		}),
		early("answers in the middle of the body and reads on", either, func(k *talk) {
			k.params()
			k.record()
			k.send(refusal)
			k.request()
		}),
		early("answers in the middle of the body, drop by drop", anew, func(k *talk) {
			k.params()
			k.record()
			for i := range len(refusal) {
				k.Write([]byte{refusal[i]})
			}
			k.stare()
		}),
		{name: "answers at the connection", status: 200, want: "x", next: either, does: func(k *talk) { k.send(page("x") + done()); k.request() }},
	}
}
