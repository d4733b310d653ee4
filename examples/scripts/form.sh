#!/bin/sh
# A form and its answer: GET shows the form, POST shows what was sent.
cat <<'END'
Content-Type: text/html; charset=utf-8

<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Form, from sh</title>
<link rel="stylesheet" href="/style.css">
<main>
<h1>Form, from sh</h1>
END

if [ "$REQUEST_METHOD" = POST ]; then
  echo '<h2>You sent</h2><dl>'
  # The body is on standard input, CONTENT_LENGTH bytes of it; 64 KiB are enough for a form.
  # It reads name=value&name=value, with "+" for a space and %XX for any other byte. What it becomes is escaped for HTML.
  head -c "${CONTENT_LENGTH:-0}" | head -c 65536 | LC_ALL=C tr '&' '\n' | LC_ALL=C awk '
    function decode(s,   out) {
      gsub(/\+/, " ", s)
      while (match(s, /%[0-9A-Fa-f][0-9A-Fa-f]/)) {
        out = out substr(s, 1, RSTART - 1) byte[toupper(substr(s, RSTART + 1, 2))]
        s = substr(s, RSTART + 3)
      }
      return out s
    }
    function escape(s) {
      gsub(/&/, "\\&amp;", s); gsub(/</, "\\&lt;", s); gsub(/>/, "\\&gt;", s); gsub(/"/, "\\&quot;", s)
      return s
    }
    BEGIN { for (i = 1; i < 256; i++) byte[sprintf("%02X", i)] = sprintf("%c", i) }
    {
      at = index($0, "=")
      name = at ? substr($0, 1, at - 1) : $0
      value = at ? substr($0, at + 1) : ""
      printf "<dt>%s<dd>%s\n", escape(decode(name)), escape(decode(value))
    }'
  echo '</dl>'
fi

cat <<'END'
<form method="post">
<p><label for="name">Your name</label> <input id="name" name="name" autocomplete="name" required>
<p><label for="note">A note</label> <textarea id="note" name="note" rows="3"></textarea>
<p><button>Send</button>
</form>
<p><a href="/">Back to the examples</a>
</main>
END
