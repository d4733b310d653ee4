package fastcgi

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"syscall"
	"time"

	"gatewayd/gateway"
	"gatewayd/gateway/cgispec"
	"gatewayd/gateway/upstream"
)

// These are the ends of a connection on which a request was under way.
var (
	errClosedEarly  = errors.New("the application closed the connection before it had ended the request")
	errClosedInside = errors.New("the application closed the connection inside of a record")
)

// statusError is an END_REQUEST that says that the request was not carried out.
type statusError struct{ status protocolStatus }

func (e *statusError) Error() string {
	switch e.status {
	case cannotMultiplex:
		return "the application refused the request: CANT_MPX_CONN, it takes one request on a connection at a time, and there was one"
	case overloaded:
		return "the application refused the request: OVERLOADED, it can take no more now"
	case unknownRole:
		return "the application refused the request: UNKNOWN_ROLE, it is no responder"
	}
	return fmt.Sprintf("the application refused the request with protocol status %d, which means nothing", uint8(e.status))
}

// ended is the error of a request whose context has ended: the gateway.Error that ended it, else 504 for a deadline,
// else the client has left.
func ended(ctx context.Context, script string) *gateway.Error {
	cause := context.Cause(ctx)
	var e *gateway.Error
	switch {
	case errors.As(cause, &e):
		return e
	case errors.Is(cause, context.DeadlineExceeded):
		return &gateway.Error{Status: http.StatusGatewayTimeout, Op: "fastcgi: run " + script, Err: errors.New("the request took longer than it may"), Hint: "raise `timeout` for this route if the application rightly takes that long"}
	}
	return &gateway.Error{Status: gateway.StatusClientClosed, Op: "fastcgi: run " + script, Err: errors.New("the client left before it was answered")}
}

// notConnected is the error of a request for which no connection to peer could be made.
func (x *exchange) notConnected(peer *upstream.Peer, err error) error {
	if why := x.brokenOff(); why != nil {
		return why
	}
	e := &gateway.Error{
		Status: http.StatusBadGateway, Op: "fastcgi: connect to " + peer.Name, Err: plain(err),
		Public: "The application behind this address cannot be reached.", Alike: true,
	}
	switch {
	case errors.Is(err, syscall.EAGAIN):
		e.Status, e.Public, e.RetryAfter, e.Overload = http.StatusServiceUnavailable, "", time.Second, true
		e.Err = fmt.Errorf("as many connections wait there as it lets wait, and none was accepted within connect_timeout: %s", x.backend.opt.ConnectTimeout)
		e.Hint = "let the application have more workers (for php-fpm: pm.max_children) or a longer queue (listen.backlog, net.core.somaxconn), or set max_running for this route"
	case shortHere(err):
		e.Status, e.Public, e.RetryAfter, e.Overload = http.StatusServiceUnavailable, "", time.Second, true
		e.Hint = "raise the limit of open files, or set max_running for this route"
	case timedOut(err):
		e.Status, e.Public = http.StatusGatewayTimeout, ""
		e.Hint = "nobody answered within connect_timeout: see whether the address is right and whether a firewall drops what is sent there"
	case errors.Is(err, syscall.ECONNREFUSED):
		e.Hint = "nobody listens there: see whether the application runs"
	case errors.Is(err, syscall.ECONNRESET):
		e.Hint = "it closed the connection before anything was sent: see whether it is being restarted"
	case errors.Is(err, syscall.ENOENT):
		e.Hint = "there is no such socket: see whether the application runs, and where it listens"
	case errors.Is(err, syscall.EACCES), errors.Is(err, syscall.EPERM):
		e.Hint = "the user who runs gatewayd may not write to that socket: see its owner and mode (for php-fpm: listen.owner, listen.group, listen.mode) and those of the folders above it"
	}
	return e
}

// connectOutcome is what a failure to connect says of the peer: nothing if it was ours, or if the peer only has much to
// do.
func (x *exchange) connectOutcome(err error) upstream.Outcome {
	if x.brokenOff() != nil || errors.Is(err, syscall.EAGAIN) || shortHere(err) {
		return upstream.Unused
	}
	return upstream.Unreachable
}

// shortHere says whether descriptors have run out on this side.
func shortHere(err error) bool {
	return errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE)
}

func timedOut(err error) bool {
	var t net.Error
	return errors.Is(err, syscall.ETIMEDOUT) || errors.As(err, &t) && t.Timeout()
}

// plain is err without the address, which stands in Op.
func plain(err error) error {
	var op *net.OpError
	if errors.As(err, &op) {
		err = op.Err
	}
	var call *os.SyscallError
	if errors.As(err, &call) {
		err = call.Err
	}
	return err
}

// noLease is the error of a request for which there is no place at a peer.
func (x *exchange) noLease(err error) error {
	if why := x.brokenOff(); why != nil {
		return why
	}
	return err
}

// notSent is the error of a request that could not be written.
func (x *exchange) notSent(err error) error {
	x.noMore(err)
	return err
}

// failure is the error of a request that has been sent and whose answer is bad, or not whole.
func (x *exchange) failure(err error) error {
	var known *gateway.Error
	if errors.As(err, &known) {
		return known
	}
	if x.last != nil && x.last != io.EOF {
		err = x.last
	}
	e := &gateway.Error{Status: http.StatusBadGateway, Op: "fastcgi: read the answer of " + x.peer}
	if x.backend.opt.Script {
		e.Op += " for " + x.script
	}
	how := ""
	var bad *cgispec.ResponseError
	var fault *protocolError
	var refused *statusError
	switch {
	case errors.As(err, &bad):
		e.Hint = bad.Hint()
		if x.last == io.EOF && x.status != 0 {
			how = fmt.Sprintf("; it ended the request with status %d", x.status)
		}
	case errors.As(err, &fault):
		e.Hint = fault.hint()
	case errors.As(err, &refused):
		refused.explain(e)
	default:
		how, e.Hint = x.ending()
	}
	e.Err = fmt.Errorf("%w%s%s", plain(err), how, x.lastWords())
	return e
}

// ending says how the peer has ended, as far as it is known.
func (x *exchange) ending() (how, hint string) {
	if x.lease != nil && x.lease.Ending != nil {
		if how, hint = x.lease.Ending(); how != "" {
			return "; " + how, hint
		}
	}
	return "", "it crashed, was restarted, or gave up on this request: its own log may say why"
}

// explain fills in what the status means for the client and the operator.
func (e *statusError) explain(to *gateway.Error) {
	switch e.status {
	case overloaded:
		to.Status, to.RetryAfter, to.Overload = http.StatusServiceUnavailable, time.Second, true
		to.Hint = "let the application have more workers, or set max_running for this route"
	case unknownRole:
		to.Hint = "it may be an authorizer or a filter, which a route cannot be made of"
	}
}

// hint says what may have sent bytes that are no FastCGI.
func (e *protocolError) hint() string {
	if bytes.HasPrefix(e.sample, []byte("HTTP/")) {
		return "what listens there speaks HTTP, not FastCGI"
	}
	return "see whether what listens there is a FastCGI application"
}

// lastWords is a clause for the log, empty if there are none.
func (x *exchange) lastWords() string {
	if x.errs == nil {
		return ""
	}
	words := x.errs.LastWords()
	if words == "" {
		return ""
	}
	return fmt.Sprintf("; its last words: %q", words)
}
