#!/bin/sh
# Takes its time before the first byte: three seconds, or as many as the query says (slow.sh?5), at most ten.
case "$QUERY_STRING" in
  [1-9] | 10) seconds=$QUERY_STRING ;;
  *) seconds=3 ;;
esac
sleep "$seconds"
echo "Content-Type: text/plain; charset=utf-8"
echo
echo "Done after $seconds seconds."
