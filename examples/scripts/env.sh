#!/bin/sh
# Shows the variables that a CGI program is given: the request arrives in the environment (RFC 3875, section 4.1).
# Clients choose many of the values, so each is escaped before it becomes HTML.
escape() { sed 's/&/\&amp;/g; s/</\&lt;/g; s/>/\&gt;/g; s/"/\&quot;/g'; }

cat <<'END'
Content-Type: text/html; charset=utf-8

<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Environment, from sh</title>
<link rel="stylesheet" href="/style.css">
<main>
<h1>Environment, from sh</h1>
<div class="scroll" tabindex="0"><table>
END
env | LC_ALL=C sort | escape |
  LC_ALL=C sed -n 's|^\([A-Za-z_][A-Za-z0-9_]*\)=\(.*\)|<tr><th scope="row">\1<td>\2|p'
cat <<'END'
</table></div>
<p><a href="/">Back to the examples</a>
</main>
END
