"""A WSGI application in one file, for configs/wsgi.yaml: a page, an upload and a stream."""

import hashlib
import os
import time


def application(environ, start_response):
    path = environ["PATH_INFO"]
    if path in ("", "/"):
        return page(environ, start_response)
    if path == "/upload" and environ["REQUEST_METHOD"] == "POST":
        return upload(environ, start_response)
    if path == "/stream":
        start_response("200 OK", [("Content-Type", "text/plain")])
        return ticks()
    start_response("404 Not Found", [("Content-Type", "text/plain")])
    return [b"There is no such page.\n"]


def page(environ, start_response):
    text = "Hello from process %d, for %s.\n" % (os.getpid(), environ["REMOTE_ADDR"])
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [text.encode()]


def upload(environ, start_response):
    digest, size = hashlib.sha256(), 0
    while block := environ["wsgi.input"].read(65536):
        digest.update(block)
        size += len(block)
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"%d bytes, sha256 %s\n" % (size, digest.hexdigest().encode())]


def ticks():
    for n in range(5):
        yield b"%d\n" % n
        time.sleep(0.2)
