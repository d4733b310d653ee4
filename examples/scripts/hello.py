#!/usr/bin/env python3
# The smallest CGI program: a head, an empty line, a body. Whatever it prints is the answer.
print("Content-Type: text/plain; charset=utf-8")
print()
print("Hello from Python.")
