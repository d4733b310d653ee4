#!/usr/bin/env python3
# Answers JSON with JSON. (A file named json.py would hide the module that it imports.)
# Try: curl -d '{"n": 1}' http://127.0.0.1:8080/cgi-bin/json-echo.py
import json
import os
import sys

MOST = 1 << 20  # bytes


def answer(status, value):
    print(f"Status: {status}")
    print("Content-Type: application/json")
    print()
    print(json.dumps(value, indent=2))  # ASCII, whatever the value: json.dumps escapes the rest


length = int(os.environ.get("CONTENT_LENGTH") or 0)
if length > MOST:
    answer("413 Content Too Large", {"error": f"at most {MOST} bytes, please"})
    sys.exit()
body = sys.stdin.buffer.read(length)
try:
    sent = json.loads(body) if body else None
except (ValueError, RecursionError) as problem:
    answer("400 Bad Request", {"error": f"that is not JSON: {problem}"})
else:
    answer("200 OK", {"method": os.environ.get("REQUEST_METHOD"), "path": os.environ.get("PATH_INFO", ""), "you_sent": sent})
