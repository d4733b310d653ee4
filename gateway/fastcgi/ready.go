package fastcgi

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"

	"gatewayd/gateway/cgispec"
)

// Ready asks an application on a new connection whether it is there, by FCGI_GET_VALUES: unlike a request that starts
// nothing. Any answer that is FastCGI will do, that it does not know the question too. The connection is of no use
// afterwards; the caller closes it.
func Ready(ctx context.Context, c net.Conn) error {
	defer context.AfterFunc(ctx, func() { c.SetDeadline(past()) })()
	err := askValues(c)
	if err != nil && ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

func askValues(c net.Conn) error {
	question := appendPairs(nil, typeGetValues, managementID, []cgispec.Var{{Name: "FCGI_MAX_CONNS"}, {Name: "FCGI_MAX_REQS"}, {Name: "FCGI_MPXS_CONNS"}})
	if _, err := c.Write(question); err != nil {
		return fmt.Errorf("ask by FCGI_GET_VALUES: %w", plain(err))
	}
	r := readers.Get().(*reader)
	defer readers.Put(r)
	r.reset(c)
	defer r.reset(nil)
	if err := r.next(); err != nil {
		var fault *protocolError
		if errors.As(err, &fault) {
			return fmt.Errorf("the answer to FCGI_GET_VALUES is not FastCGI: %w", err)
		}
		return fmt.Errorf("no answer to FCGI_GET_VALUES: %w", plain(err))
	}
	return r.takeValues()
}

// takeValues checks that the record at hand is an answer to FCGI_GET_VALUES.
func (r *reader) takeValues() error {
	switch r.head.kind {
	case typeUnknownType:
		return nil
	case typeGetValuesResult:
		b, err := r.whole(r.content)
		if err == nil {
			_, err = parsePairs(b)
		}
		return err
	}
	return r.fault(r.head.kind.String() + " is no answer to FCGI_GET_VALUES")
}

// Unready explains why a worker did not become ready, from what it wrote: one that has printed the head of a CGI answer
// is no FastCGI application. It fits worker.Spec.
func Unready(lastWords string) (cause, hint string) {
	if !looksLikeCGI([]byte(lastWords)) {
		return "", ""
	}
	return "it printed the answer of a CGI program", "this is a CGI program, not FastCGI: use cgi:"
}

// looksLikeCGI says whether a line is one that begins a CGI answer.
func looksLikeCGI(words []byte) bool {
	for line := range bytes.Lines(words) {
		name, _, ok := bytes.Cut(line, []byte(":"))
		if ok && (bytes.EqualFold(name, []byte("Content-Type")) || bytes.EqualFold(name, []byte("Status")) || bytes.EqualFold(name, []byte("Location"))) || bytes.HasPrefix(line, []byte("HTTP/1.")) {
			return true
		}
	}
	return false
}
