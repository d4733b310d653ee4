// Package http1 reads HTTP/1 requests as RFC 9110 and RFC 9112 write them and says where each one ends. It is pure: bytes
// go in, positions and refusals come out; nothing waits and nothing is copied.
//
// Head reads a request's head, Body follows the framing of its content. Both take their input in any pieces, and the
// pieces make no difference: what is refused, and why, depends on the bytes alone.
//
// Where the RFCs let a server choose between refusing and repairing, this one refuses. Choices that are not obvious:
//
//   - Lines end in CRLF, everywhere. One empty line before the request line is skipped, no more.
//   - A Host is a name, an IPv4 address or an IPv6 address in brackets. "%" is refused there: no host name needs it, and
//     readers do not agree on what it means. An empty Host is taken, ":80" is not, nor a host of more than 255 bytes.
//   - A bad %-escape in the path is refused here; one in the query belongs to the program.
//   - Transfer-Encoding is one field that says chunked, in HTTP/1.1 only and never beside Content-Length. Another coding
//     before chunked, or alone, is 501; chunked before another one leaves the end unknown and is 400.
//   - An expectation other than 100-continue is 417, in HTTP/1.0 too; 100-continue in HTTP/1.0 has no effect.
//   - Chunk extensions are checked and of no effect. Blanks before the ";" are refused: they are in the grammar for the
//     sake of history, and have been read as part of the size.
//   - Trailer fields are checked and never become header fields, whatever their names. Naming Content-Length,
//     Transfer-Encoding or Trailer in Trailer is refused.
package http1
