#!/usr/bin/env python3
# Server-Sent Events: ten of them, one a second. In a page:
#   new EventSource("/cgi-bin/sse.py").onmessage = event => console.log(event.data)
import os
import re
import time

LAST = 10

# A browser that lost the connection comes back and names the last event it saw: go on after that one.
seen = os.environ.get("HTTP_LAST_EVENT_ID", "")
first = int(seen) + 1 if re.fullmatch("[0-9]{1,2}", seen) else 1

if first > LAST:
    print("Status: 204 No Content\n")  # there is no more: the browser stays away
else:
    print("Content-Type: text/event-stream\nCache-Control: no-store\n")
    for number in range(first, LAST + 1):
        # An empty line ends an event; flush sends it now.
        print(f"id: {number}\ndata: event {number} of {LAST} at {time.strftime('%T')}\n", flush=True)
        time.sleep(1)
