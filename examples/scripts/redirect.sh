#!/bin/sh
# Three ways of saying "not here" (RFC 3875, section 6.3.2).
# The query only chooses between fixed targets: a program that sends clients wherever they ask is a gift to phishers.
case "$QUERY_STRING" in
  local) # a path and nothing else: the gateway answers with what is at that path, and the client never knows
    echo "Location: /cgi-bin/hello.sh"
    ;;
  moved) # a status of our own: the client is told, and remembers
    echo "Status: 301 Moved Permanently"
    echo "Location: /cgi-bin/hello.sh"
    ;;
  *) # an absolute URL: the client is told with 302
    echo "Location: http://${HTTP_HOST:-$SERVER_NAME:$SERVER_PORT}/cgi-bin/hello.sh"
    ;;
esac
echo
