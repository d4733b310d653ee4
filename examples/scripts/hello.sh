#!/bin/sh
# The smallest CGI program: a head, an empty line, a body. Whatever it prints is the answer.
echo "Content-Type: text/plain; charset=utf-8"
echo
echo "Hello from sh."
