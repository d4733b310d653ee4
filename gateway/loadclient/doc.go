// Package loadclient is an HTTP/1.1 client for tests that counts what benchmark tools do not: requests that failed, by
// how they failed. It speaks to the connection itself: an answer without its last chunk, a short body or bytes behind an
// answer are what it is there to see. It retries nothing and follows nothing.
//
//	load.go       a crowd of clients, for a number of requests or a while
//	request.go    what is asked, and what answer is wanted
//	client.go     one client: its connection, kept or fresh
//	send.go       the request on its way, while the answer may already come
//	answer.go     the head of an answer
//	body.go       the body of an answer, however it is framed
//	failure.go    the kinds of failure
//	report.go     what a crowd has seen
//	histogram.go  durations, counted in little memory
package loadclient
