#!/usr/bin/env python3
# Shows the variables that a CGI program is given: the request arrives in the environment (RFC 3875, section 4.1).
import html
import os
import sys

# A client may send bytes that are not UTF-8; show a question mark rather than fail.
sys.stdout.reconfigure(encoding="utf-8", errors="replace")

print("""Content-Type: text/html; charset=utf-8

<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Environment, from Python</title>
<link rel="stylesheet" href="/style.css">
<main>
<h1>Environment, from Python</h1>
<div class="scroll" tabindex="0"><table>""")
for name, value in sorted(os.environ.items()):
    # Clients choose many of the values, so each is escaped before it becomes HTML.
    print(f'<tr><th scope="row">{html.escape(name)}<td>{html.escape(value)}')
print("""</table></div>
<p><a href="/">Back to the examples</a>
</main>""")
