// Package fastcgi is the backend of the `fastcgi` and `php` routes: a client of the FastCGI specification, version 1.0.
// Where the application listens, and who keeps it running, is an upstream.Upstream's to know.
package fastcgi
