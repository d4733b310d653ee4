#!/usr/local/bin/no-such-shell
# Broken on purpose: the interpreter in the first line does not exist.
echo "Content-Type: text/plain"
echo
echo "Nobody will ever read this."
