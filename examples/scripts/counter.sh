#!/bin/sh
# Counts visits in a cookie, which the browser keeps and anybody can change: only digits are believed.
visits=$(printf '%s' "$HTTP_COOKIE" | tr ';' '\n' | sed -n 's/^ *visits=\([0-9]\{1,6\}\)$/\1/p' | sed 's/^0*//' | head -n 1)
visits=$((${visits:-0} + 1))
cat <<END
Content-Type: text/plain; charset=utf-8
Cache-Control: no-store
Set-Cookie: visits=$visits; Path=/; Max-Age=86400; HttpOnly; SameSite=Lax

Visit number $visits. Reload to count on.
END
