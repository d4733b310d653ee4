#!/bin/sh
# Broken on purpose: promises 1000 bytes and ends after the first few. The connection is broken off, so that nobody
# takes half an answer for a whole one.
echo "Content-Type: text/plain; charset=utf-8"
echo "Content-Length: 1000"
echo
echo "This is the beginning of something that never"
exit 1
