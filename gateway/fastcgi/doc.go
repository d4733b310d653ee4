// Package fastcgi is the backend of the `fastcgi` and `php` routes: a client of the FastCGI specification, version 1.0.
// Where the application listens, and who keeps it running, is an upstream.Upstream's to know.
//
//	options.go   what a Backend is made of
//	setup.go     a config route -> Options
//	fastcgi.go   Backend, RoundTrip, Close
//
//	record.go    the codec: what is sent, and the one place that makes the head of a record
//	params.go    name-value pairs
//	reader.go    the codec: what is received, and the bytes that nobody may send
//
//	exchange.go  one request: what it holds, who may touch it, how it ends
//	connect.go   a place at a peer, and a connection to it
//	conn.go      a connection, and whether it can be used again
//	stdin.go     the request on its way to the application
//	answer.go    the application's answer on its way back
//	retry.go     what may be sent twice
//	abort.go     how an application learns that nobody wants its answer any more
//
//	ready.go     whether a worker is there, and why it is not
//	fail.go      what went wrong, in words for the log
//	missing.go   why an application does not find the file that it is to run
//	onlooker.go  what that application may see
package fastcgi
