// Package static serves the files below a directory.
//
// What may be reached is decided by docroot, which asks the kernel; what a client may hold of an answer is decided here:
// validators and preconditions (RFC 9110 sections 8.8 and 13), byte ranges (section 14), the choice between a file and
// its compressed siblings (section 12.5.3), media types from a table of our own.
//
// Scripts are not known here. A route that has both gives this package the names of files that are not scripts, and
// never in place of one that could not be run.
//
// The entity tag is strong. It is made of size, modification time, change time and inode, so that a file whose
// modification time was set back, or that another one was renamed over, gets another tag. The price: two machines that
// serve copies of one tree give different tags. A tag that is wrong now and then would be worse. It is a hash, since
// inode numbers are nobody's business.
//
// Every answer with a file says X-Content-Type-Options: nosniff: in a directory that people upload to, a text must not
// become a page because a browser thinks it looks like one. Route headers can take it away.
package static
