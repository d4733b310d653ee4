package fastcgi

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"

	"gatewayd/gateway/cgispec"
)

// Ready asks an application on a new connection, which it may not have accepted yet, what it is, by FCGI_GET_VALUES: unlike a request
// that starts nothing. Any answer that is FastCGI will do, that it does not know the question too; one that is not is an
// error. The connection is of no use afterwards; the caller closes it. It fits worker.Spec.
func Ready(ctx context.Context, c net.Conn) (answered bool, err error) {
	defer context.AfterFunc(ctx, func() { c.SetDeadline(past()) })()
	err = askValues(c)
	var fault *protocolError
	if err != nil && !errors.As(err, &fault) {
		return false, nil
	}
	return err == nil, err
}

func askValues(c net.Conn) error {
	question := appendPairs(nil, typeGetValues, managementID, []cgispec.Var{{Name: "FCGI_MAX_CONNS"}, {Name: "FCGI_MAX_REQS"}, {Name: "FCGI_MPXS_CONNS"}})
	// libfcgi reads the names as a stream and answers when that has ended, which no specification asks for.
	question = appendRecord(question, typeGetValues, managementID, nil)
	if _, err := c.Write(question); err != nil {
		return err
	}
	r := readers.Get().(*reader)
	defer readers.Put(r)
	r.reset(c)
	defer r.reset(nil)
	if err := r.next(); err != nil {
		return fmt.Errorf("the answer to FCGI_GET_VALUES is not FastCGI: %w", err)
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
		if err != nil {
			return err
		}
		if _, err = parsePairs(b); err != nil {
			return &protocolError{err.Error(), b[:min(len(b), maxSample)]}
		}
		return nil
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
