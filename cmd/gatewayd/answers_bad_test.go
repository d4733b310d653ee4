package main

import (
	"fmt"
	"slices"
	"strings"
)

// whatever is a body that must not be seen where an answer is refused.
const whatever = "what the program wrote\n"

// badAnswers are made from the rules of RFC 3875, RFC 9110 and RFC 9112, one generator for each.
func badAnswers() []answerCase {
	return slices.Concat(
		forbiddenBytes(), badStatuses(), badStatusLines(), onlyInterim(), cutHeads(), noHeaderLines(), badNames(),
		twice(), badLengths(), wrongLengths(), framedByTheProgram(), hopByHop(), tooLong(), bodiesThatNobodyGets(),
		badLocations(), badFileNames(), deaths(), splitAnswers(),
	)
}

// controls are the bytes that may not stand in a field's value or a reason (RFC 9110 section 5.5). LF is not among
// them: it ends the line.
func controls() (all []byte) {
	for c := range byte(' ') {
		if c != '\t' && c != '\n' {
			all = append(all, c)
		}
	}
	return append(all, 0x7f)
}

// notInNames are bytes that are no tchar (RFC 9110 section 5.6.2): all below 0x80, and some above. Colon and LF end
// the name.
func notInNames() (all []byte) {
	for c := range 0x80 {
		letter := strings.ContainsRune("!#$%&'*+-.^_`|~:\n", rune(c)) || '0' <= c && c <= '9' || 'a' <= c|0x20 && c|0x20 <= 'z' && c >= 'A'
		if !letter {
			all = append(all, byte(c))
		}
	}
	return append(all, 0x80, 0xa0, 0xc3, 0xff)
}

func forbiddenBytes() (all []answerCase) {
	for _, c := range controls() {
		all = append(all,
			refused(fmt.Sprintf("byte %#02x in a value", c), fmt.Sprintf("Content-Type: text/html\nX-Evil: a%cb\n\n%s", c, whatever)),
			refused(fmt.Sprintf("byte %#02x in the reason", c), fmt.Sprintf("Status: 200 O%cK\n\n%s", c, whatever)),
			refused(fmt.Sprintf("byte %#02x in a status line", c), fmt.Sprintf("HTTP/1.1 200 O%cK\nX-Evil: a\n\n%s", c, whatever)),
		)
	}
	for _, c := range notInNames() {
		bad := string([]byte{c})
		all = append(all, refused(fmt.Sprintf("byte %#02x in a name", c), "Content-Type: text/html\nX"+bad+"Evil: a\n\n"+whatever))
		all = append(all, refused(fmt.Sprintf("byte %#02x before a name", c), "Content-Type: text/html\n"+bad+"Evil: a\n\n"+whatever))
		all = append(all, refused(fmt.Sprintf("byte %#02x after a name", c), "Content-Type: text/html\nEvil"+bad+": a\n\n"+whatever))
	}
	for _, where := range []string{"Set-Cookie: a=%s", "Content-Type: text/%s", "Location: http://h/%s", "X-Sendfile: %s", "Link: <%s>", "Content-Length: 5%s", "Date: %s"} {
		for _, c := range []string{"\x00", "\r", "\x1b[2J", "\x7f", "\r\rX-Evil: 1"} {
			line := fmt.Sprintf(where, c+"x")
			all = append(all, refused(fmt.Sprintf("%q", line), line+"\n\n"+whatever))
		}
	}
	return all
}

// noStatus are texts that are no status of a final answer.
func noStatus() []string {
	return []string{
		"2", "30", "1000", "2000", "99", "099", "000", "0", "600", "999", "-1", "-200", "+200", "0200", "00200", "0x200", "200.0", "2e2",
		"200,200", "200;", "200OK", "2OO", "20 0", "OK", "OK 200", "abc", "\"200\"", "\xb2\xb2\xb2", "\xef\xbc\x92\xef\xbc\x90\xef\xbc\x90",
		"\xd9\xa2\xd9\xa0\xd9\xa0", "18446744073709551816", "101", "101 Switching Protocols",
	}
}

func badStatuses() (all []answerCase) {
	for _, s := range append(noStatus(), "", " ", "\t") {
		all = append(all,
			refused(fmt.Sprintf("Status %q", s), "Status: "+s+"\nContent-Type: text/html\n\n"+whatever),
			refused(fmt.Sprintf("Status %q at the end", s), "Content-Type: text/html\r\nStatus: "+s+"\r\n\r\n"+whatever),
		)
	}
	return all
}

func badStatusLines() (all []answerCase) {
	for _, s := range noStatus() {
		all = append(all, refused(fmt.Sprintf("status line with %q", s), "HTTP/1.1 "+s+"\r\nContent-Type: text/html\r\n\r\n"+whatever))
	}
	for _, line := range []string{
		"HTTP/1.1", "HTTP/1.1 ", "HTTP/", "HTTP/ 200 OK", "HTTP/x 200 OK", "HTTP/1.1\t200 OK", "HTTP/1.1:200 OK", "HTTP/1.1_200 OK", "HTTP/1.1-200",
		"HTTP 200 OK", "http/1.1 200 OK", "ICY 200 OK", " HTTP/1.1 200 OK", "GET / HTTP/1.1", "200 OK", "HTTPS/1.1 200 OK",
	} {
		all = append(all, refused(fmt.Sprintf("status line %q", line), line+"\nContent-Type: text/html\n\n"+whatever))
	}
	for name, says := range map[string]string{
		"a status line in the second place":   "Content-Type: text/html\nHTTP/1.1 200 OK\n\n" + whatever,
		"two status lines":                    "HTTP/1.1 200 OK\nHTTP/1.1 200 OK\n\n" + whatever,
		"a status line against Status":        "HTTP/1.1 200 OK\nStatus: 404\n\n" + whatever,
		"a status line against Status, later": "HTTP/1.1 404 No\nX: y\nStatus: 200 OK\n\n" + whatever,
	} {
		all = append(all, refused(name, says))
	}
	return all
}

// onlyInterim: an answer needs a final head, and 101 nobody has asked for.
func onlyInterim() (all []answerCase) {
	for _, status := range []int{100, 101, 102, 103, 104, 110, 111, 120, 133, 144, 155, 166, 177, 188, 199} {
		c := refused(fmt.Sprintf("nothing after %d", status), fmt.Sprintf("Status: %d\n\n", status))
		body := refused(fmt.Sprintf("a body after %d", status), fmt.Sprintf("Status: %d\nX-Evil: a\n\n%s", status, whatever))
		line := refused(fmt.Sprintf("nothing after a status line with %d", status), fmt.Sprintf("HTTP/1.1 %d Interim\r\n\r\n", status)).with("nph-say")
		if status == 103 {
			c.hints, line.hints, body.hints = "\n", "\n", "X-Evil: a\n"
		}
		all = append(all, c, body, line)
	}
	for _, n := range []int{2, 5, 50} {
		all = append(all, refused(fmt.Sprintf("nothing after %d interim heads", n), strings.Repeat("HTTP/1.1 100 Continue\r\n\r\n", n)).with("nph-say"))
	}
	return append(all,
		refused("101 after 100", "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n"+whatever).with("nph-say"),
		refused("a bad head after 100", "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 1000 OK\r\n\r\n"+whatever).with("nph-say"),
		refused("an empty head after 100", "HTTP/1.1 100 Continue\r\n\r\n\r\n"+whatever).with("nph-say"),
	)
}

// cutHeads are the beginnings of good heads, up to the last byte before their end.
func cutHeads() (all []answerCase) {
	const crlf = "Status: 200 OK\r\nContent-Type: text/html\r\nX-Evil: a:b\r\n\r\n"
	const lf = "X-Evil: a\nLocation: /files/step.txt\n\n"
	const line = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"
	for _, head := range []string{crlf, lf, line} {
		for n := 1; n < len(head); n++ {
			all = append(all, refused(fmt.Sprintf("cut after %q", head[:n]), head[:n]))
		}
	}
	return append(all, refused("no output", ""))
}

func noHeaderLines() (all []answerCase) {
	for _, line := range []string{
		"hello", "hello world", "<html>", "<!DOCTYPE html>", "{\"a\" 1}", "#!/bin/sh", "<?php echo 1;", "\xef\xbb\xbfContent-Type: text/html",
		"\xff\xfeC\x00", "\x7fELF\x02\x01", "\x1f\x8b\x08\x00", "\x89PNG\r", "%PDF-1.7", "Traceback (most recent call last):x y: z", "-e Content-Type: text/html",
		"Content-Type text/html", "Content-Type", "Content-Type = text/html", " Content-Type: text/html", "\tX: y", " ", "\t", " \t ",
	} {
		all = append(all,
			refused(fmt.Sprintf("first line %q", line), line+"\n\n"+whatever),
			refused(fmt.Sprintf("last line %q", line), "Content-Type: text/html\nX: y\n"+line+"\n\n"+whatever),
		)
	}
	return append(all,
		refused("the line ends of an echo that knows none", "Content-Type: text/html\\n\\n<p>\n"),
		refused("an empty line first", "\nContent-Type: text/html\n\n"+whatever),
		refused("an empty line first, CRLF", "\r\nContent-Type: text/html\r\n\r\n"+whatever),
		refused("two empty lines", "\n\n"),
		refused("folded", "Content-Type: text/html\nX-Evil: a\n b\n\n"+whatever),
		refused("folded with a tab", "Content-Type: text/html\r\nX-Evil: a\r\n\tb\r\n\r\n"+whatever),
		refused("folded to nothing", "X-Evil: a\n  \n\n"+whatever),
		refused("CR alone ends lines", "Content-Type: text/html\r\r"+whatever),
		refused("two CR", "Content-Type: text/html\r\r\n\r\r\n"+whatever),
		refused("two CR in the empty line", "Content-Type: text/html\r\n\r\r\n"+whatever),
	)
}

func badNames() (all []answerCase) {
	for _, line := range []string{":", ": x", ":x:y", " : x", "X-Evil : x", "X-Evil\t: x", "X-Evil  \t: x", "Content-Length : 5", "Status : 200", "Location : http://h/"} {
		all = append(all, refused(fmt.Sprintf("name in %q", line), "Content-Type: text/html\n"+line+"\n\n"+whatever))
	}
	return all
}

func twice() (all []answerCase) {
	for _, lines := range []string{
		"Status: 200\nStatus: 404", "Status: 404\nStatus: 404", "status: 200 OK\nX: y\nSTATUS: 200 OK", "Status: 200\nStatus:",
		"Content-Length: 5\nContent-Length: 6", "content-length: 23\nX: y\nCONTENT-LENGTH: 0", "Content-Length: 5\nContent-Length:",
		"Content-Length: 5\nContent-Length: 5\nContent-Length: 05x", "Content-Type: text/html\nContent-Type: text/plain", "Content-Type: text/html\ncontent-type: text/HTML",
		"Location: http://a/\nLocation: http://b/", "Location: /files/step.txt\nlocation: http://b/", "Status: 302\nLocation: /a\nLocation: /b", "Status: 301\nLocation: /a\nLocation:",
	} {
		all = append(all, refused(fmt.Sprintf("twice: %q", lines), lines+"\n\n"+whatever))
	}
	return all
}

func badLengths() (all []answerCase) {
	for _, n := range []string{
		"", " ", "-1", "-0", "+5", "+0", "0x5", "0X5", "0b1", "5x", "x5", "5,5", "5, 5", "5 5", "5\t5", "5;5", "5.0", "5.", ".5", "1_0", "1e1", "five", "NaN", "\"5\"", "'5'", "(5)", "5\xa0",
		"\xd9\xa5", "\xef\xbc\x95", "9223372036854775808", "18446744073709551615", "18446744073709551616", "18446744073709551617", "18446744073709551621",
		"99999999999999999999999999999999999999", "0,5", "5,", ",5", "chunked",
	} {
		all = append(all, refused(fmt.Sprintf("Content-Length %q", n), "Content-Type: text/html\nContent-Length: "+n+"\n\n"+whatever))
	}
	return append(all,
		refused("Content-Length x with a status that has no content", "Status: 204\nContent-Length: x\n\n"),
		refused("Content-Length of an interim head", "Status: 103\nContent-Length: -1\n\nStatus: 200\n\n"+whatever),
	)
}

// wrongLengths announce another length than they have: what is too much is cut off, what is missing shows.
func wrongLengths() (all []answerCase) {
	for _, n := range []int{0, 1, 9, 4095, 4096, 4097, 65535, 65536, 200_000} {
		body := strings.Repeat("0123456789", n/10+1)[:n]
		for _, announced := range []string{fmt.Sprint(n + 1), fmt.Sprint(n + 100_000), "9223372036854775807"} {
			all = append(all, answerCase{
				name: fmt.Sprintf("%s bytes announced and %d sent", announced, n), says: "Content-Length: " + announced + "\n\n" + body,
				status: "200 OK", length: announced, body: body, broken: true,
			})
		}
		all = append(all, answerCase{
			name: fmt.Sprintf("%d bytes announced and more sent", n), says: fmt.Sprintf("Content-Length: %d\n\n%s%s", n, body, whatever),
			status: "200 OK", length: fmt.Sprint(n), body: body,
		})
	}
	return all
}

// framedByTheProgram: the server alone frames an answer; what the program sends is taken as it is.
func framedByTheProgram() (all []answerCase) {
	const chunks = "5\r\nhello\r\n0\r\n\r\n"
	for _, coding := range []string{"chunked", "Chunked", "gzip", "identity", "gzip, chunked", "chunked, chunked", "xchunked", "\"chunked\"", "", "chunked\nTransfer-Encoding: gzip"} {
		all = append(all, answerCase{
			name: fmt.Sprintf("Transfer-Encoding %q", coding), says: "Transfer-Encoding: " + coding + "\nX: y\n\n" + chunks,
			status: "200 OK", fields: []string{"X: y"}, body: chunks,
		})
	}
	return append(all,
		answerCase{name: "Transfer-Encoding and Content-Length", says: "Transfer-Encoding: chunked\nContent-Length: 5\n\n" + chunks, status: "200 OK", length: "5", body: chunks[:5]},
		answerCase{name: "Content-Length and Transfer-Encoding", says: "Content-Length: 8\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks, status: "200 OK", length: "8", body: chunks[:8]},
		answerCase{name: "Transfer-Encoding of 204", says: "Status: 204\nTransfer-Encoding: chunked\n\n" + chunks, status: "204 No Content"},
		answerCase{name: "Transfer-Encoding by NPH", script: "nph-say", says: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks, status: "200 OK", body: chunks},
		answerCase{name: "Connection names Content-Length", says: "Connection: Content-Length\nContent-Length: 3\n\nhello", status: "200 OK", length: "3", body: "hel"},
		answerCase{name: "chunks that end early", says: "Transfer-Encoding: chunked\n\n5\r\nhel", status: "200 OK", body: "5\r\nhel"},
	)
}

// hopByHop fields concern a connection that the program does not have (RFC 9110 section 7.6.1). Date and Server are the
// server's own.
func hopByHop() (all []answerCase) {
	for _, line := range []string{
		"Connection: close", "Connection: keep-alive", "Connection: upgrade", "Connection:", "Connection: ,,close,", "Keep-Alive: timeout=500", "Upgrade: websocket", "Upgrade: h2c",
		"Trailer: X-Evil", "TE: trailers", "Proxy-Connection: close", "Connection: X-Hop\nX-Hop: 1", "X-Hop: 1\nConnection: x-HOP, Other\nOther: 2",
		"Connection: Keep-Alive, X-Hop\nconnection: X-Two\nKeep-Alive: 5\nX-Hop: 1\nX-Two: 2", "Connection: close\nConnection: keep-alive", "Connection: Set-Cookie\nSet-Cookie: a=1",
		"Date: Thu, 01 Jan 1970 00:00:00 GMT", "Date: yesterday\nDate: today", "Server: evil/1.0", "server: evil\nSERVER: evil",
	} {
		all = append(all, answerCase{name: fmt.Sprintf("%q", line), says: line + "\nX: y\n\nbody", status: "200 OK", fields: []string{"X: y"}, body: "body"})
	}
	return all
}

func tooLong() []answerCase {
	const limit = 64 << 10
	x := func(n int) string { return strings.Repeat("x", n) }
	return []answerCase{
		refused("a value over the limit", "X-Evil: "+x(limit)+"\n\n"+whatever),
		refused("one byte over the limit", "X-Evil: "+x(limit-9)+"\n\n"+whatever),
		refused("a name over the limit", x(limit)+": a\n\n"+whatever),
		refused("a status over the limit", "Status: 200 "+x(limit)+"\n\n"+whatever),
		refused("a status line over the limit", "HTTP/1.1 200 "+x(limit)+"\n\n"+whatever),
		refused("a line without an end", x(300_000)),
		refused("a value without an end", "X-Evil: "+x(300_000)),
		refused("many fields over the limit", strings.Repeat("X-Evil: "+x(991)+"\n", 66)+"\n"+whatever),
		refused("1001 fields", strings.Repeat("X-Evil: a\n", 1001)+"\n"+whatever),
		refused("1001 fields in several heads", strings.Repeat("HTTP/1.1 100 C\nX: y\n\n", 1000)+"X-Evil: a\n\n"+whatever),
		refused("cookies without an end", strings.Repeat("Set-Cookie: a=b\n", 5000)),
		refused("interim heads over the limit", strings.Repeat("HTTP/1.1 100 Continue\r\n\r\n", limit/25+1)+"HTTP/1.1 200 OK\r\n\r\n"+whatever).with("nph-say"),
	}
}

// bodiesThatNobodyGets belong to statuses without content.
func bodiesThatNobodyGets() (all []answerCase) {
	big := strings.Repeat("0123456789abcdef", 3<<20/16)
	for status, text := range map[string]string{"204": "204 No Content", "205": "205 Reset Content", "304": "304 Not Modified"} {
		for name, rest := range map[string]string{
			"a body":                              "\n" + whatever,
			"a body with its length":              fmt.Sprintf("Content-Length: %d\n\n%s", len(whatever), whatever),
			"a body with a length that is longer": "Content-Length: 1000\n\n" + whatever,
			"a body that is an answer":            "\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
			"3 MiB":                               "\n" + big,
		} {
			all = append(all, answerCase{name: status + " with " + name, says: "Status: " + status + "\nX: y\n" + rest, status: text, fields: []string{"X: y"}})
		}
	}
	return all
}

func badLocations() (all []answerCase) {
	for _, location := range []string{"", " ", "/%zz", "/%", "/%1", "/..", "/../secret.txt", "/files/../../secret.txt", "/%2e%2e/secret.txt", "/files/..%2f..%2fsecret.txt", "/%00", "/files/step.txt%00"} {
		all = append(all, refused(fmt.Sprintf("Location %q", location), "Location: "+location+"\n\n"+whatever))
	}
	for _, location := range []string{"http://h/\x00", "http://h/\rSet-Cookie: a=b", "http://h/\x1b", "/files/\x7f", "/files/step.txt\r", "//h/\x01"} {
		all = append(all,
			refused(fmt.Sprintf("Location %q and Status", location), "Status: 302\nLocation: "+location+"x\n\n"+whatever),
			refused(fmt.Sprintf("Location %q at the end", location), "Content-Type: text/html\r\nLocation: "+location+"x\r\n\r\n"+whatever),
		)
	}
	loop := refused("a Location that leads back", "Location: /cgi/say?{number}\n\n"+whatever)
	loop.status = "500 Internal Server Error"
	return append(all, loop)
}

// badFileNames: without permission X-Sendfile is a field like any other; with it, only what is below its directories.
func badFileNames() (all []answerCase) {
	for _, field := range []string{"X-Sendfile", "X-Accel-Redirect"} {
		all = append(all, answerCase{
			name: field + " without permission", script: "plain say", says: field + ": {dir}/files/step.txt\n\nits own body",
			status: "200 OK", fields: []string{field + ": {dir}/files/step.txt"}, body: "its own body",
		})
		for _, path := range []string{"{dir}/secret.txt", "/etc/passwd", "{dir}", "/", "secret.txt", "{dir}/filesystem", "../secret.txt", "{dir}/cgi/say"} {
			c := refused(fmt.Sprintf("%s: %s", field, path), field+": "+path+"\nSet-Cookie: a=1\nExpires: never\nContent-Disposition: attachment\nCache-Control: public\nLink: <x>\n\n"+whatever)
			all = append(all, c)
		}
	}
	for _, path := range []string{"{dir}/files/%zz", "%", "/%2"} {
		all = append(all, refused("X-Accel-Redirect: "+path, "X-Accel-Redirect: "+path+"\n\n"+whatever))
	}
	return all
}

// deaths are programs that end in ways that they should not.
func deaths() (all []answerCase) {
	const head, part = "Content-Type: text/plain\n\n", "a part of the body"
	typed := []string{"Content-Type: text/plain"}
	for _, how := range []string{"kill-KILL", "kill-TERM", "kill-SEGV", "kill-ABRT"} {
		for name, says := range map[string]string{"before its first byte": "", "in the head": head[:20], "before the empty line": head[:25]} {
			all = append(all, refused(how+" "+name, says).with(how))
		}
		all = append(all,
			answerCase{name: how + " before the body", script: how, says: head, status: "200 OK", fields: typed, broken: true},
			answerCase{name: how + " in the body", script: how, says: head + part, status: "200 OK", fields: typed, body: part, broken: true},
			answerCase{name: how + " in a long body", script: how, says: head + strings.Repeat(part, 10_000), status: "200 OK", fields: typed, body: strings.Repeat(part, 10_000), broken: true},
			answerCase{name: how + " before the announced end", script: how, says: "Content-Length: 100\n\n" + part, status: "200 OK", length: "100", body: part, broken: true},
			answerCase{name: how + " of an NPH program", script: how, says: "HTTP/1.1 200 OK\r\n\r\n" + part, status: "200 OK", body: part, broken: true},
			answerCase{name: how + " after the announced end", script: how, says: "Content-Length: 18\n\n" + part, status: "200 OK", length: "18", body: part},
		)
	}
	for _, how := range []string{"exit-1", "exit-3", "exit-255"} {
		for name, says := range map[string]string{"without output": "", "in the head": head[:20], "after plain text": whatever} {
			all = append(all, refused(how+" "+name, says).with(how))
		}
	}
	return all
}

// splitAnswers try to be two (CVE-2023-38709, CVE-2024-42516): what comes after the empty line is body.
func splitAnswers() []answerCase {
	const second = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nSet-Cookie: evil\r\n\r\nevil!"
	return []answerCase{
		{name: "an answer in the body", says: "Content-Type: text/html\n\n" + second, status: "200 OK", fields: []string{"Content-Type: text/html"}, body: second},
		{name: "an answer behind the announced end", says: "Content-Length: 0\n\n" + second, status: "200 OK", length: "0"},
		{name: "an answer behind an announced body", script: "nph-say", says: "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: keep-alive\r\n\r\nhello" + second, status: "200 OK", length: "5", body: "hello"},
		{name: "an answer after a redirect", says: "Location: http://h/\n\n" + second, status: "302 Found", fields: []string{"Location: http://h/"}, body: second},
		{name: "an answer after a local redirect", says: "Location: /cgi/target?x\n\n" + second, status: "200 OK", fields: []string{"Content-Type: text/plain", "X-Target: yes"}, body: "x"},
		{name: "an answer after chunks", says: "Transfer-Encoding: chunked\n\n0\r\n\r\n" + second, status: "200 OK", body: "0\r\n\r\n" + second},
	}
}
