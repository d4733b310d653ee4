package gateway

import (
	"html"
	"io"
	"net/http"
	"strconv"
	"strings"
)

// Fail answers a request that failed: with the operator's page for its status, else the status and a plain sentence for
// the client, as HTML for a browser and as text for everyone else; err is kept on the Request for the log. It is called at most once and only before the response
// head has been written; afterwards there is Abort. It sets no header that keeps the connection from being reused.
func Fail(w http.ResponseWriter, r *http.Request, err error) {
	e := AsError(err)
	req := FromContext(r.Context())
	if req == nil {
		req = &Request{} // nobody logs
	}
	req.Err = e
	if e.Status == StatusClientClosed {
		panic(http.ErrAbortHandler)
	}
	h := w.Header()
	for _, name := range []string{"Content-Length", "Content-Encoding", "Etag", "Last-Modified", "Cache-Control"} {
		h.Del(name) // they described what would have been sent
	}
	if e.RetryAfter > 0 {
		h.Set("Retry-After", strconv.Itoa(int((e.RetryAfter+999_999_999)/1e9)))
	}
	page, own := req.ErrorPages.of(e.Status)
	if !own {
		page = errorPage(e, req.ID, strings.Contains(r.Header.Get("Accept"), "text/html"))
		h.Set("Vary", "Accept")
	}
	h.Set("Content-Type", page.ContentType)
	h.Set("Content-Length", strconv.Itoa(len(page.Body)))
	h.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(e.Status)
	if r.Method != http.MethodHead {
		io.WriteString(w, page.Body)
	}
}

// ErrorPage is what the operator wants shown for an error of the server's own.
type ErrorPage struct{ Body, ContentType string }

// ErrorPages are pages by status, "404", or class, "5xx"; the status wins. Immutable.
type ErrorPages map[string]ErrorPage

func (p ErrorPages) of(status int) (page ErrorPage, ok bool) {
	if len(p) == 0 {
		return ErrorPage{}, false
	}
	if page, ok = p[strconv.Itoa(status)]; !ok {
		page, ok = p[strconv.Itoa(status/100)+"xx"]
	}
	return page, ok
}

// Abort breaks off an answer whose head has been sent: the client sees a connection that ends too early, never a
// shorter answer that looks whole. It does not return.
func Abort(r *http.Request, err error) {
	if req := FromContext(r.Context()); req != nil && req.Err == nil {
		req.Err = AsError(err)
	}
	panic(http.ErrAbortHandler)
}

func errorPage(e *Error, id string, asHTML bool) ErrorPage {
	title := strconv.Itoa(e.Status) + " " + StatusText(e.Status)
	sentence := e.Public
	if sentence == "" {
		sentence = defaultSentence(e.Status)
	}
	if !asHTML {
		return ErrorPage{plainPage(title, sentence, id), "text/plain; charset=utf-8"}
	}
	return ErrorPage{htmlPage(html.EscapeString(title), html.EscapeString(sentence), html.EscapeString(id)), "text/html; charset=utf-8"}
}

func plainPage(title, sentence, id string) string {
	page := title + "\n" + sentence + "\n"
	if id != "" {
		page += "Request " + id + "\n"
	}
	return page
}

func htmlPage(title, sentence, id string) string {
	page := `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>` + title + `</title>
<style>
:root { color-scheme: light dark }
body { margin: 0; min-height: 100vh; display: grid; place-content: center; font: 1.05rem/1.5 system-ui, sans-serif; padding: 1.5rem; box-sizing: border-box }
h1 { font-size: 1.5rem; margin: 0 0 .5rem }
p { margin: 0; max-width: 36rem }
small { display: block; margin-top: 1.5rem; opacity: .6; font-family: ui-monospace, monospace }
</style></head>
<body><main><h1>` + title + `</h1><p>` + sentence + `</p>`
	if id != "" {
		page += "<small>Request " + id + "</small>"
	}
	return page + "</main></body></html>\n"
}

// StatusText is http.StatusText, which knows no 499 and nothing of codes that programs make up.
func StatusText(status int) string {
	if status == StatusClientClosed {
		return "Client Closed Request"
	}
	if text := http.StatusText(status); text != "" {
		return text
	}
	return "Status " + strconv.Itoa(status)
}

func defaultSentence(status int) string {
	switch status {
	case http.StatusBadRequest:
		return "The request is not well formed."
	case http.StatusUnauthorized:
		return "This address wants a name and a password."
	case http.StatusForbidden:
		return "This address may not be used."
	case http.StatusNotFound:
		return "There is nothing at this address."
	case http.StatusMethodNotAllowed:
		return "This address does not take that method."
	case http.StatusRequestTimeout:
		return "The request took too long to arrive."
	case http.StatusPreconditionFailed:
		return "What the request demands of the file does not hold: it has changed, or is not there."
	case http.StatusRequestEntityTooLarge:
		return "The request body is larger than this address takes."
	case http.StatusRequestURITooLong:
		return "The address is longer than this server takes."
	case http.StatusRequestHeaderFieldsTooLarge:
		return "The request header is larger than this server takes."
	case http.StatusRequestedRangeNotSatisfiable:
		return "The part that was asked for does not exist."
	case http.StatusExpectationFailed:
		return "The request expects something that this server does not know."
	case http.StatusInternalServerError:
		return "The server failed while it worked on this request."
	case http.StatusBadGateway:
		return "The program behind this address did not give a valid answer."
	case http.StatusServiceUnavailable:
		return "The server is too busy to answer now. Try again in a moment."
	case http.StatusGatewayTimeout:
		return "The program behind this address took too long to answer."
	case http.StatusInsufficientStorage:
		return "The server has no room to take this request."
	}
	return StatusText(status) + "."
}
