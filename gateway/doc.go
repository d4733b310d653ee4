// Package gateway is the vocabulary that every other package speaks: a Request, a Backend that answers it, an Error
// with two readers.
//
// The map of what lies below. A word that may stand in the config file is the folder of that name:
//
//	static, cgi, fastcgi, redirect, respond    what a route can be
//	wsgi                                       what makes a FastCGI worker of a Python application
//
// The rest is machinery, named for what it is:
//
//	config      the file format as plain data: strict decoding, defaults, every problem with its line
//	http1       where a request's head and content end, by the letter of the RFCs; as pure functions of bytes
//	http1server answers the requests of HTTP/1.x connections with an http.Handler
//	server      what runs now: Server, Generation, listeners; build.go is the one switch from config to code
//	site        host -> Site -> Route; the path of a URL made canonical
//	relay       Backend -> http.Handler: spool the body, stream the answer, local redirect, error -> status
//	script      which file a URL runs: the only place that resolves scripts
//	docroot     opens files below a root and nothing outside it
//	cgispec     RFC 3875 as pure functions: a request's variables; reading a program's answer
//	program     what a route's options say of a program: variables, user, limits
//	upstream    where an application listens, and who gets a place at it
//	worker      keeps the processes of an application alive
//	stderr      log lines and last words of what a program says
//	admission   how many requests are at work at once, and who waits
//	process     starts one process in a group of its own, with limits, and stops it for certain, even after SIGKILL to us
//	nonblock    small reads and writes that cannot wait
//	descriptors a reserve of file descriptors for the operator
//	spool       a body in memory, then in a temporary file
//	middleware  one file each: access log, client address, request id, recoverer, limits, who is let in, headers, error pages
//	htpasswd    names and passwords of a htpasswd file, verified at a bounded cost
//	admin       status, health and reload for the operator
//	watch       notices that a file changed
//	backendtest what every Backend must do, as a suite that each backend calls
//	responder   the application's side of FastCGI: for the demo and for tests
//	loadclient  an HTTP client for tests that counts how requests fail
//
// Which folder may import which is written down, and enforced, in imports_test.go.
package gateway
