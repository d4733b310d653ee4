package main

import (
	"fmt"
	"slices"
	"strings"
)

// goodAnswers are those that programs have always given.
func goodAnswers() []answerCase {
	return slices.Concat(plainAnswers(), goodStatuses(), goodFields(), redirects(), nphAnswers(), goodLengths(), goodEnds(), namedFiles())
}

func passed(name, says, status, body string, fields ...string) answerCase {
	return answerCase{name: name, says: says, status: status, body: body, fields: fields}
}

func plainAnswers() []answerCase {
	const typed = "Content-Type: text/plain"
	return []answerCase{
		passed("CRLF", "Content-Type: text/plain\r\n\r\nbody\r\n", "200 OK", "body\r\n", typed),
		passed("LF", "Content-Type: text/plain\n\nbody", "200 OK", "body", typed),
		passed("mixed line ends", "Content-Type: text/plain\nX: y\r\n\nbody", "200 OK", "body", typed, "X: y"),
		passed("mixed line ends, the other way", "Content-Type: text/plain\r\nX: y\n\r\nbody", "200 OK", "body", typed, "X: y"),
		passed("head in two halves", "Status: 201\nX: y\n\nbody", "201 Created", "body", "X: y").with("halves"),
		passed("empty line late", "Status: 201\n\nbody", "201 Created", "body").with("halves"),
		passed("only a head", "Content-Type: text/plain\n\n", "200 OK", "", typed),
		passed("only a status", "Status: 200 OK\n\n", "200 OK", ""),
		passed("no Content-Type", "X-Only: 1\n\n<html><p>", "200 OK", "<html><p>", "X-Only: 1"),
		passed("empty Content-Type", "Content-Type:\n\n<html><p>", "200 OK", "<html><p>", "Content-Type: "),
		passed("body of line ends", "X: y\n\n\r\n\n\r\n", "200 OK", "\r\n\n\r\n", "X: y"),
		passed("body that looks like a head", "X: y\n\nStatus: 404\nX-Evil: 1\n\n", "200 OK", "Status: 404\nX-Evil: 1\n\n", "X: y"),
		passed("body of every byte", "X: y\n\n"+everyByte(), "200 OK", everyByte(), "X: y"),
		passed("3 MiB", "X: y\n\n"+strings.Repeat(everyByte(), 3<<20/256), "200 OK", strings.Repeat(everyByte(), 3<<20/256), "X: y"),
		passed("chunks as a body", "X: y\n\n5\r\nhello\r\n0\r\n\r\n", "200 OK", "5\r\nhello\r\n0\r\n\r\n", "X: y"),
	}
}

func everyByte() string {
	var all [256]byte
	for i := range all {
		all[i] = byte(i)
	}
	return string(all[:])
}

func goodStatuses() (all []answerCase) {
	for says, status := range map[string]string{
		"Status: 404": "404 Not Found", "Status: 404 No such thing": "404 Not Found", "Status:404": "404 Not Found", "sTaTuS:   404  ": "404 Not Found", "STATUS:\t404\tno": "404 Not Found",
		"Status: 418 I am a teapot": "418 I'm a teapot", "Status: 299 Odd": "299 status code 299", "Status: 599": "599 status code 599", "Status: 500 \xc3\xa9": "500 Internal Server Error",
		"Status: 200 ": "200 OK", "Status: 503 Busy: later": "503 Service Unavailable", "Status: 451": "451 Unavailable For Legal Reasons", "Status: 202": "202 Accepted", "Status: 400": "400 Bad Request",
		"HTTP/1.1 404 Not Found": "404 Not Found", "HTTP/1.0 200": "200 OK", "HTTP/2 403": "403 Forbidden", "HTTP/1.1  200  OK": "200 OK", "HTTP/1.1 200 a:b": "200 OK",
	} {
		all = append(all, passed(says, says+"\nX: y\n\nits own page", status, "its own page", "X: y"))
	}
	return append(all,
		passed("Status in the last line", "X: y\nStatus: 410\n\ngone", "410 Gone", "gone", "X: y"),
		passed("a status line and the same Status", "HTTP/1.1 404 Not Found\nStatus: 404 Nothing\n\nx", "404 Not Found", "x"),
		passed("204", "Status: 204\n\n", "204 No Content", ""),
		passed("304", "Status: 304\nETag: \"a\"\nCache-Control: no-cache\n\n", "304 Not Modified", "", "Cache-Control: no-cache", "Etag: \"a\""),
		passed("401", "Status: 401\nWWW-Authenticate: Basic realm=\"a\"\n\nno", "401 Unauthorized", "no", "Www-Authenticate: Basic realm=\"a\""),
		passed("405", "Status: 405\nAllow: POST\n\nno", "405 Method Not Allowed", "no", "Allow: POST"),
		passed("206", "Status: 206\nContent-Range: bytes 0-3/10\n\nbody", "206 Partial Content", "body", "Content-Range: bytes 0-3/10").asking("Range: bytes=0-3\r\n"),
		passed("200 to a Range", "Content-Type: a/b\n\nbody", "200 OK", "body", "Content-Type: a/b").asking("Range: bytes=0-1\r\n"),
		passed("200 to If-Modified-Since", "Status: 200\nLast-Modified: Thu, 01 Jan 1970 00:00:00 GMT\n\nbody", "200 OK", "body", "Last-Modified: Thu, 01 Jan 1970 00:00:00 GMT").asking("If-Modified-Since: Thu, 01 Jan 1970 00:00:00 GMT\r\n"),
		passed("200 to If-None-Match", "Status: 200\nETag: \"a\"\n\nbody", "200 OK", "body", "Etag: \"a\"").asking("If-None-Match: \"a\"\r\n"),
	)
}

// asking gives the client's request more header lines.
func (c answerCase) asking(lines string) answerCase {
	c.request = lines
	return c
}

func goodFields() []answerCase {
	many := ""
	var manyFields []string
	for i := range 500 {
		many += fmt.Sprintf("X-%03d: %d\n", i, i)
		manyFields = append(manyFields, fmt.Sprintf("X-%03d: %d", i, i))
	}
	long := strings.Repeat("v", 60_000)
	return []answerCase{
		passed("three cookies", "Set-Cookie: a=1; Path=/\nset-cookie: b=\"2 ,;\"\nSET-COOKIE: a=1; Path=/\n\nx", "200 OK", "x", "Set-Cookie: a=1; Path=/", "Set-Cookie: b=\"2 ,;\"", "Set-Cookie: a=1; Path=/"),
		passed("obs-text", "X: \xc3\xbc\xff\x80\n\nx", "200 OK", "x", "X: \xc3\xbc\xff\x80"),
		passed("a tab in a value", "X: a\tb\n\nx", "200 OK", "x", "X: a\tb"),
		passed("blanks around a value", "X: \t a  b \t\nY:\nZ:z\n\nx", "200 OK", "x", "X: a  b", "Y: ", "Z: z"),
		passed("colons in a value", "X: a:b: c\n\nx", "200 OK", "x", "X: a:b: c"),
		passed("every token character", "x!#$%&'*+-.^_`|~09aZ: 1\n\nx", "200 OK", "x", "X!#$%&'*+-.^_`|~09az: 1"),
		passed("every visible character", "X: "+visible()+"\n\nx", "200 OK", "x", "X: "+visible()),
		passed("names in another case", "ETAG: \"1\"\nwww-authenticate: a\nx-UPPER-lower: b\n\nx", "200 OK", "x", "Etag: \"1\"", "Www-Authenticate: a", "X-Upper-Lower: b"),
		passed("the same Content-Type twice", "Content-Type: a/b\ncontent-type: a/b\n\nx", "200 OK", "x", "Content-Type: a/b"),
		passed("a list in two lines", "Vary: a\nVary: b\n\nx", "200 OK", "x", "Vary: a", "Vary: b"),
		passed("a long value", "X: "+long+"\n\nx", "200 OK", "x", "X: "+long),
		passed("500 fields", many+"\nx", "200 OK", "x", manyFields...),
		passed("as long as it may be", "X: "+strings.Repeat("v", 64<<10-5)+"\n\nx", "200 OK", "x", "X: "+strings.Repeat("v", 64<<10-5)),
		passed("caching", "Cache-Control: no-store\nExpires: 0\nPragma: no-cache\nLast-Modified: x\n\nx", "200 OK", "x", "Cache-Control: no-store", "Expires: 0", "Last-Modified: x", "Pragma: no-cache"),
		passed("an encoding of its own", "Content-Encoding: gzip\nVary: Accept-Encoding\n\nx", "200 OK", "x", "Content-Encoding: gzip", "Vary: Accept-Encoding"),
		passed("an event stream", "Content-Type: text/event-stream\n\ndata: 1\n\n", "200 OK", "data: 1\n\n", "Content-Type: text/event-stream"),
		passed("nosniff", "Content-Type: a/b\nX-Content-Type-Options: nosniff\n\nx", "200 OK", "x", "Content-Type: a/b", "X-Content-Type-Options: nosniff"),
	}
}

func visible() string {
	var all []byte
	for c := byte('!'); c < 0x7f; c++ {
		all = append(all, c)
	}
	return string(all)
}

func redirects() (all []answerCase) {
	for _, location := range []string{"http://h/x", "https://h/x?a=b#fragment", "//h/x", "sign-in.cgi", "adminer.php?x", "?page=2", "../up", "#top", "/x#fragment", "mailto:a@b", "http://h/\xc3\xbc", "http://h/a b"} {
		all = append(all, passed(fmt.Sprintf("Location %q", location), "Location: "+location+"\n\nmoved", "302 Found", "moved", "Location: "+location))
	}
	for status, text := range map[string]string{"301": "301 Moved Permanently", "302": "302 Found", "303": "303 See Other", "307": "307 Temporary Redirect", "308": "308 Permanent Redirect", "201": "201 Created", "200": "200 OK", "404": "404 Not Found"} {
		all = append(all, passed("Location /x with "+status, "Status: "+status+"\nLocation: /x?a\n\nmoved", text, "moved", "Location: /x?a"))
	}
	local := func(location, body string) answerCase {
		return passed("local Location "+location, "Set-Cookie: a=1\nLocation: "+location+"\n\nnot this", "200 OK", body, "Content-Type: text/plain", "X-Target: yes")
	}
	return append(all,
		passed("odd blanks after Location", "Location: http://h/\r\n\n\n", "302 Found", "\n", "Location: http://h/"),
		passed("the same Location twice", "Status: 302\nLocation: /x\nlocation: /x\n\nx", "302 Found", "x", "Location: /x"),
		local("/cgi/target?one", "one"),
		local("/cgi/../cgi//target?a=b&c=%20", "a=b&c=%20"),
		local("/cgi%2Ftarget", ""),
	)
}

func nphAnswers() (all []answerCase) {
	for _, n := range []int{1, 5, 50} {
		interim := strings.Repeat("HTTP/1.1 100 Continue\r\nX: y\r\n\r\nHTTP/1.1 102 Processing\r\n\r\n", n)
		all = append(all, passed(fmt.Sprintf("%d interim heads before the final one", 2*n), interim+"HTTP/1.1 299 Odd\r\nX: y\r\n\r\nbody", "299 status code 299", "body", "X: y").with("nph-say"))
	}
	hints := passed("early hints", "Status: 103\nLink: </a.css>\nLink: </b.js>\n\nContent-Type: a/b\n\nbody", "200 OK", "body", "Content-Type: a/b")
	hints.hints = "Link: </a.css>\nLink: </b.js>\n"
	twice := passed("early hints twice", "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </b>\r\n\r\nHTTP/1.1 404 No\r\n\r\nbody", "404 Not Found", "body").with("nph-say")
	twice.hints = "Link: </a>\nLink: </b>\n"
	dirty := passed("early hints with fields of the server's", "Status: 103\nLink: </a>\nDate: never\nServer: evil\nConnection: X-Hop\nX-Hop: 1\nContent-Length: 5\nKeep-Alive: 1\n\nX: y\n\nbody", "200 OK", "body", "X: y")
	dirty.hints = "Link: </a>\n"
	return append(all, hints, twice, dirty,
		passed("a whole HTTP answer", "HTTP/1.1 200 OK\r\nDate: then\r\nServer: own/1.0\r\nConnection: close\r\nX: y\r\nContent-Length: 4\r\n\r\nbody", "200 OK", "body", "X: y").with("nph-say"),
		passed("an interim head in CGI form", "Status: 102\n\nStatus: 200\nX: y\n\nbody", "200 OK", "body", "X: y"),
	)
}

func goodLengths() (all []answerCase) {
	for _, n := range []int{0, 1, 5, 2047, 2048, 2049, 4095, 4096, 4097, 32767, 32768, 32769, 65535, 65536, 65537, 131073} {
		body := strings.Repeat("0123456789", n/10+1)[:n]
		all = append(all,
			passed(fmt.Sprintf("%d bytes", n), "X: y\n\n"+body, "200 OK", body, "X: y"),
			answerCase{name: fmt.Sprintf("%d bytes announced", n), says: fmt.Sprintf("Content-Length: %d\n\n%s", n, body), status: "200 OK", length: fmt.Sprint(n), body: body},
		)
	}
	for _, n := range []string{"Content-Length: 4\nContent-Length: 4", "Content-Length: 004", "content-length:4", "Content-Length: \t4 ", "CONTENT-LENGTH: 4\nContent-Length: 04"} {
		all = append(all, answerCase{name: fmt.Sprintf("%q", n), says: n + "\n\nbody", status: "200 OK", length: "4", body: "body"})
	}
	return all
}

// goodEnds: what a program does besides printing its answer takes nothing from it.
func goodEnds() (all []answerCase) {
	for _, script := range []string{"exit-1", "exit-3", "exit-255", "noisy", "mute", "child", "works-on"} {
		all = append(all,
			passed(script+" after a whole answer", "X: y\n\nwhole", "200 OK", "whole", "X: y").with(script),
			answerCase{name: script + " after an announced answer", script: script, says: "Content-Length: 5\n\nwhole", status: "200 OK", length: "5", body: "whole"},
		)
	}
	return all
}

// namedFiles: X-Sendfile sends the file and what the program says of it, and nothing of its own body.
func namedFiles() []answerCase {
	ranged := passed("a part of a named file", "X-Sendfile: {dir}/files/a b.txt\nContent-Type: a/b\nX: y\n\nnot this", "206 Partial Content", "a named", "Accept-Ranges: bytes", "Content-Range: bytes 0-6/13", "Content-Type: a/b", "Etag: {any}", "Last-Modified: {any}", "X-Content-Type-Options: nosniff").asking("Range: bytes=0-6\r\n")
	ranged.noHEAD = true // which knows no ranges
	whole := passed("a named file", "X-Accel-Redirect: {dir}/files/a%20b.txt?x\nContent-Type: a/b\nSet-Cookie: a=1\nX: y\n\nnot this", "200 OK", "a named file\n", "Accept-Ranges: bytes", "Content-Type: a/b", "Etag: {any}", "Last-Modified: {any}", "Set-Cookie: a=1", "X-Content-Type-Options: nosniff")
	return []answerCase{ranged, whole}
}
