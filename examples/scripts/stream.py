#!/usr/bin/env python3
# A line each half second. Python keeps output until a buffer is full, so each line needs flush=True to leave at once.
import time

print("Content-Type: text/plain; charset=utf-8")
print("X-Content-Type-Options: nosniff")  # a browser that guesses types waits for 1 KiB before it shows anything
print()
for line in range(1, 21):
    print(f"line {line} of 20 at {time.strftime('%T')}", flush=True)
    time.sleep(0.5)
