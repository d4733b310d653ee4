#!/bin/sh
# Broken on purpose: this file has no exec bit, so it is refused with 403 and never shown as text.
# The cure is: chmod +x error-noexec.sh
echo "Content-Type: text/plain"
echo
echo "You made me executable."
