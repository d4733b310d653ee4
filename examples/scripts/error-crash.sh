#!/bin/sh
# Broken on purpose: fails before it has answered anything.
# The client gets 502 and a plain sentence; the reason below is for the log only.
echo "cannot open the database: permission denied" >&2
exit 1
