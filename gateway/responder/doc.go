// Package responder is the application's side of FastCGI: what libfcgi is for a C program. The demo's worker is made of
// it, and tests are. It is written apart from the client in package fastcgi, record codec included, so that one
// understanding of the specification is checked by another.
package responder
