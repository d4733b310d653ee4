#!/bin/sh
# A line each half second. Each echo is a write of its own, and gatewayd passes on what it has when a program pauses.
echo "Content-Type: text/plain; charset=utf-8"
echo "X-Content-Type-Options: nosniff" # a browser that guesses types waits for 1 KiB before it shows anything
echo
line=1
while [ "$line" -le 20 ]; do
  echo "line $line of 20 at $(date +%T)"
  line=$((line + 1))
  sleep 0.5
done
