// Package cgi is the gateway.Backend that runs one process for each request (RFC 3875).
//
// It owns the process from its start to its end: three descriptors, a group of its own, its standard error in the log,
// SIGTERM and then SIGKILL for the whole group when the client has left or the time is over. Which file a URL runs is
// script's business, the variables and the head of the answer are cgispec's, statuses and pages are relay's.
//
//	setup.go   a config route -> Options
//	cgi.go     Options, Backend, RoundTrip
//	run.go     one program at work: start, stop, how it ended
//	stdin.go   the request body on its way to the program
//	answer.go  the program's answer on its way back
//	brief.go   short ways for programs that end at once, as most do
//	stderr.go  what the program says besides
//	fail.go    what went wrong, in words for the log
package cgi
