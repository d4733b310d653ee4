package server

import (
	"io"
	"net/http"
	"strings"

	"gatewayd/gateway"
	"gatewayd/gateway/http1"
)

// refused is what came where a request should have been. net/http gets a stand-in instead, so that the refusal is
// answered in its turn, by the same handlers, and logged like any request.
type refused struct {
	known http1.Known
	err   *gateway.Error
}

// standInScheme is that of the stand-in's target. No client can send it: http1 takes http and https.
const standInScheme = "refused"

// refuse ends the connection as far as reading goes: after the stand-in nothing is handed on any more.
func (c *strictConn) refuse(b []byte, err *gateway.Error) {
	c.refused = &refused{known: c.head.Known(b), err: err}
	c.kept = c.refused.standIn()
	c.checked = len(c.kept)
	c.giveUp(io.EOF)
}

// standIn is a head of the same method and version, as far as they matter for the form of the answer.
func (f *refused) standIn() []byte {
	method, version := http.MethodGet, "HTTP/1.1"
	if f.known.Method == http.MethodHead {
		method = http.MethodHead
	}
	if f.known.Proto == "HTTP/1.0" {
		version = f.known.Proto
	}
	return []byte(method + " " + standInScheme + ": " + version + "\r\nHost:\r\nConnection: close\r\n\r\n")
}

// describe gives the record of the request what is known of the one that was refused.
func (f *refused) describe(req *gateway.Request) {
	req.Refused = f.err
	req.Method, req.RequestURI, req.Proto, req.Host = f.known.Method, f.known.Target, f.known.Proto, f.known.Host
}

// requestError is a refusal for the two readers of a gateway.Error.
func requestError(r *http1.Refusal) *gateway.Error {
	e := &gateway.Error{Status: r.Status, Op: "read the request", Err: r}
	if r.Limit != "" {
		e.Hint = "raise `http." + r.Limit + "` if such requests are welcome"
		return e
	}
	e.Public = strings.ToUpper(r.Reason[:1]) + r.Reason[1:] + "."
	return e
}

// connOf is the connection that r came by, nil if it is none of ours.
func connOf(r *http.Request) *strictConn {
	conn, _ := r.Context().Value(connKey{}).(*strictConn)
	return conn
}

// refusal is what r stands in for, nil if it is a request.
func (c *strictConn) refusal(r *http.Request) *refused {
	if c == nil || r.URL.Scheme != standInScheme {
		return nil
	}
	return c.refused
}

// framedBody tells why the framing of a body was refused. net/http passes that on, save where the trailer is wrong.
type framedBody struct {
	io.ReadCloser
	conn *strictConn
}

// Read implements io.Reader.
func (b *framedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if fault := b.conn.fault.Load(); fault != nil && err != nil && err != io.EOF {
		err = fault
	}
	return n, err
}
