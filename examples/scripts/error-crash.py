#!/usr/bin/env python3
# Broken on purpose: fails before it has answered anything. The traceback goes to the log, never to the client.
prices = {"tea": 2}
print(prices["coffee"])
