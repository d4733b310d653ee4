// Package fastcgi will be the backend of the `fastcgi` route: a record codec, client connections that read and write at
// the same time, and workers kept alive by package worker. Until then config refuses the word with a message that
// says so.
package fastcgi
