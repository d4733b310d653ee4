#!/bin/sh
# Sends $QUERY_STRING random bytes, with their length if the path says so, and leaves their SHA-256 in random.sum.
pipe=random.pipe
mkfifo "$pipe"
sha256sum <"$pipe" >random.sum &
echo 'Content-Type: application/octet-stream'
[ "$PATH_INFO" = /length ] && echo "Content-Length: $QUERY_STRING"
echo
head -c "$QUERY_STRING" /dev/urandom | tee "$pipe"
wait
rm "$pipe"
