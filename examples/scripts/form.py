#!/usr/bin/env python3
# A form and its answer: GET shows the form, POST shows what was sent.
import html
import os
import sys
import urllib.parse

MOST = 65536  # bytes; enough for a form, and nobody can fill the memory

# What is sent need not be UTF-8; show a question mark rather than fail.
sys.stdout.reconfigure(encoding="utf-8", errors="replace")


def fields():
    """The body is on standard input, CONTENT_LENGTH bytes of it: name=value&name=value."""
    length = min(int(os.environ.get("CONTENT_LENGTH") or 0), MOST)
    body = sys.stdin.buffer.read(length).decode("utf-8", "replace")
    return urllib.parse.parse_qsl(body, keep_blank_values=True)


print("""Content-Type: text/html; charset=utf-8

<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Form, from Python</title>
<link rel="stylesheet" href="/style.css">
<main>
<h1>Form, from Python</h1>""")

if os.environ.get("REQUEST_METHOD") == "POST":
    print("<h2>You sent</h2><dl>")
    for name, value in fields():
        # What clients send is escaped before it becomes HTML.
        print(f"<dt>{html.escape(name)}<dd>{html.escape(value)}")
    print("</dl>")

print("""<form method="post">
<p><label for="name">Your name</label> <input id="name" name="name" autocomplete="name" required>
<p><label for="note">A note</label> <textarea id="note" name="note" rows="3"></textarea>
<p><button>Send</button>
</form>
<p><a href="/">Back to the examples</a>
</main>""")
