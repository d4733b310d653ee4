#!/bin/sh
# Server-Sent Events: ten of them, one a second. In a page:
#   new EventSource("/cgi-bin/sse.sh").onmessage = event => console.log(event.data)
last=10

# A browser that lost the connection comes back and names the last event it saw: go on after that one.
case "$HTTP_LAST_EVENT_ID" in
  [0-9] | [1-9][0-9]) id=$HTTP_LAST_EVENT_ID ;;
  *) id=0 ;;
esac
if [ "$id" -ge "$last" ]; then
  echo "Status: 204 No Content" # there is no more: the browser stays away
  echo
  exit
fi

echo "Content-Type: text/event-stream"
echo "Cache-Control: no-store"
echo
while [ "$id" -lt "$last" ]; do
  id=$((id + 1))
  printf 'id: %d\ndata: event %d of %d at %s\n\n' "$id" "$id" "$last" "$(date +%T)"
  sleep 1
done
