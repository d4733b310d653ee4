#!/usr/bin/env python3
# Counts visits in a cookie, which the browser keeps and anybody can change: only digits are believed.
import os
import re

found = re.search("(?:^|; *)visits=([0-9]{1,6})(?:;|$)", os.environ.get("HTTP_COOKIE", ""))
visits = int(found[1]) + 1 if found else 1

print("Content-Type: text/plain; charset=utf-8")
print("Cache-Control: no-store")
print(f"Set-Cookie: visits={visits}; Path=/; Max-Age=86400; HttpOnly; SameSite=Lax")
print()
print(f"Visit number {visits}. Reload to count on.")
