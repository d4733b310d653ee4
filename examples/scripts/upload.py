#!/usr/bin/env python3
# Takes files from a form and says what arrived. Nothing is kept: where and under which name to keep a file is a
# decision that the client must not make.
import email
import hashlib
import html
import os
import sys

MOST = 10 << 20  # bytes of the whole body, because all of it is held in memory

sys.stdout.reconfigure(encoding="utf-8", errors="replace")


def page(body, status="200 OK"):
    print(f"""Status: {status}
Content-Type: text/html; charset=utf-8

<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Upload, to Python</title>
<link rel="stylesheet" href="/style.css">
<main>
<h1>Upload, to Python</h1>
{body}
<form method="post" enctype="multipart/form-data">
<p><label for="file">Files, at most {MOST >> 20} MiB together</label> <input id="file" type="file" name="file" multiple required>
<p><label for="comment">A comment</label> <input id="comment" name="comment">
<p><button>Send</button>
</form>
<p><a href="/">Back to the examples</a>
</main>""")


def parts(content_type, body):
    """Yields (head, content) of each part of a multipart body (RFC 2046, section 5.1.1)."""
    boundary = email.message_from_string("Content-Type: " + content_type).get_boundary()
    if not boundary:
        raise ValueError("this is not multipart/form-data")
    # Every delimiter is CR LF, two dashes and the boundary; the first may lack the CR LF, so it is lent one.
    pieces = (b"\r\n" + body).split(b"\r\n--" + boundary.encode("ascii", "replace"))
    if len(pieces) < 2 or not pieces[-1].startswith(b"--"):
        raise ValueError("the body ends before its last boundary")
    for piece in pieces[1:-1]:
        head, _, content = piece.lstrip(b" \t").partition(b"\r\n\r\n")
        yield email.message_from_string(head.decode("utf-8", "replace").lstrip()), content


def row(head, content):
    name = head.get_param("name", "", "content-disposition")
    filename = head.get_filename()
    if filename is None:
        shown = content[:200].decode("utf-8", "replace")
    else:
        shown = f"{filename}: {len(content)} bytes, sha256 {hashlib.sha256(content).hexdigest()}"
    return f"<dt>{html.escape(str(name))}<dd>{html.escape(shown)}\n"  # escaped: all of it is the client's


def main():
    if os.environ.get("REQUEST_METHOD") != "POST":
        return page("")
    length = int(os.environ.get("CONTENT_LENGTH") or 0)
    if length > MOST:
        return page(f"<p>That is {length} bytes, more than {MOST}.", "413 Content Too Large")
    body = sys.stdin.buffer.read(length)
    try:
        rows = [row(head, content) for head, content in parts(os.environ.get("CONTENT_TYPE", ""), body)]
    except ValueError as problem:
        return page(f"<p>That cannot be read: {html.escape(str(problem))}.", "400 Bad Request")
    return page(f"<h2>You sent</h2><dl>{''.join(rows)}</dl>")


main()
