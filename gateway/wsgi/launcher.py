"""Serves a WSGI application (PEP 3333) over FastCGI, on the listening socket that is descriptor 0.

Nothing but Python's standard library is needed, from Python 3.7 on. Each connection has a thread; how many there are at
once is for the web server to say, which keeps to its `concurrency`.
"""

import importlib
import io
import os
import signal
import socket
import sys
import threading
import traceback

# FastCGI specification, section 8.
BEGIN_REQUEST, ABORT_REQUEST, END_REQUEST, PARAMS, STDIN, STDOUT, STDERR = 1, 2, 3, 4, 5, 6, 7
GET_VALUES, GET_VALUES_RESULT, UNKNOWN_TYPE = 9, 10, 11
KEEP_CONN = 1
RESPONDER = 1
REQUEST_COMPLETE, UNKNOWN_ROLE = 0, 3

MOST = 65528  # bytes of content in a record; a multiple of 8, so that none needs padding
BLOCK = 64 << 10


class Gone(Exception):
    """The web server does not want the rest."""


def record(kind, number, content):
    return b"%c%c%c%c%c%c\0\0" % (1, kind, number >> 8, number & 255, len(content) >> 8, len(content) & 255) + content


def pairs(data):
    """Reads name-value pairs (section 3.4)."""
    found, at, end = {}, 0, len(data)
    while at < end:
        name = data[at]
        at += 1
        if name > 127:
            name = int.from_bytes(data[at - 1 : at + 3], "big") & 0x7FFFFFFF
            at += 3
        value = data[at]
        at += 1
        if value > 127:
            value = int.from_bytes(data[at - 1 : at + 3], "big") & 0x7FFFFFFF
            at += 3
        middle = at + name
        at = middle + value
        if at > end:
            raise Gone
        found[str(data[middle - name : middle], "latin-1")] = str(data[middle:at], "latin-1")
    return found


def pair(name, value):
    return bytes((len(name), len(value))) + name + value


class Connection:
    """A connection of the web server: one request after another."""

    def __init__(self, sock):
        self.sock = sock
        self.data = b""  # what has been read, from self.at on not yet used
        self.at = 0

    def fill(self):
        more = self.sock.recv(BLOCK)
        if not more:
            raise Gone
        self.data = self.data[self.at :] + more if self.at < len(self.data) else more
        self.at = 0

    def next(self):
        """The next record: its type, request id and content."""
        while len(self.data) - self.at < 8:
            self.fill()
        data, at = self.data, self.at
        if data[at] != 1:
            raise Gone
        kind, number = data[at + 1], data[at + 2] << 8 | data[at + 3]
        size = data[at + 4] << 8 | data[at + 5]
        whole = 8 + size + data[at + 6]
        while len(self.data) - self.at < whole:
            self.fill()
        start = self.at + 8
        self.at += whole
        return kind, number, self.data[start : start + size]

    def serve(self, application, server):
        try:
            while self.request(application, server):
                pass
        except (Gone, OSError):
            pass
        finally:
            self.sock.close()

    def request(self, application, server):
        """Answers one request; true if another may follow."""
        kind, number, content = self.next()
        if kind == GET_VALUES:
            self.sock.sendall(record(GET_VALUES_RESULT, 0, server.values))
            return True
        if kind != BEGIN_REQUEST:
            if number == 0:
                self.sock.sendall(record(UNKNOWN_TYPE, 0, bytes((kind,)) + bytes(7)))
            return True
        keep = content[2] & KEEP_CONN
        params = b""
        while True:
            kind, _, content = self.next()
            if kind == ABORT_REQUEST:
                self.sock.sendall(ended(number, REQUEST_COMPLETE))
                return keep
            if kind != PARAMS:
                raise Gone
            if not content:
                break
            params = params + content if params else content
        body = Body(self)
        Exchange(self.sock, number, pairs(params), body, server).run(application)
        if not keep:
            return False
        body.skip()
        return True


def ended(number, status):
    return record(END_REQUEST, number, bytes((0, 0, 0, 0, status, 0, 0, 0)))


class Body(io.RawIOBase):
    """The STDIN stream of a request."""

    def __init__(self, connection):
        self.connection = connection
        self.left = b""
        self.over = False

    def readable(self):
        return True

    def more(self):
        """Has something in left, unless the stream has ended."""
        while not self.left and not self.over:
            kind, _, content = self.connection.next()
            if kind == ABORT_REQUEST:
                raise Gone
            if kind == STDIN:
                self.left = content
                self.over = not content

    def readinto(self, buffer):
        self.more()
        n = min(len(buffer), len(self.left))
        buffer[:n] = self.left[:n]
        self.left = self.left[n:]
        return n

    def skip(self):
        while not self.over:
            self.left = b""
            self.more()


class Errors:
    """wsgi.errors: the STDERR stream of a request."""

    encoding = "utf-8"

    def __init__(self, sock, number):
        self.sock, self.number = sock, number

    def write(self, text):
        data = text.encode("utf-8", "backslashreplace")
        for at in range(0, len(data), MOST):
            self.sock.sendall(record(STDERR, self.number, data[at : at + MOST]))
        return len(text)

    def writelines(self, lines):
        for line in lines:
            self.write(line)

    def flush(self):
        pass


class FileWrapper:
    """wsgi.file_wrapper: a file, in blocks."""

    def __init__(self, file, size=BLOCK):
        self.file, self.size = file, max(size, BLOCK)
        if hasattr(file, "close"):
            self.close = file.close

    def __iter__(self):
        return self

    def __next__(self):
        block = self.file.read(self.size)
        if block:
            return block
        raise StopIteration


class Exchange:
    """One request and its answer."""

    def __init__(self, sock, number, environ, body, server):
        self.sock, self.number = sock, number
        self.head = None  # of the answer; None until start_response, b"" once it is sent
        self.sent = False
        self.has_length = False
        self.bodyless = environ.get("REQUEST_METHOD") == "HEAD"
        self.environ = environ
        environ["wsgi.version"] = (1, 0)
        environ["wsgi.url_scheme"] = environ.get("REQUEST_SCHEME") or ("https" if environ.get("HTTPS", "off") not in ("", "off", "0") else "http")
        environ["wsgi.input"] = io.BufferedReader(body, BLOCK) if environ.get("CONTENT_LENGTH", "") != "0" and has_body(environ) else io.BytesIO()
        environ["wsgi.input_terminated"] = True
        environ["wsgi.errors"] = Errors(sock, number)
        environ["wsgi.multithread"] = server.multithread
        environ["wsgi.multiprocess"] = server.multiprocess
        environ["wsgi.run_once"] = False
        environ["wsgi.file_wrapper"] = FileWrapper
        environ.setdefault("SCRIPT_NAME", "")
        environ.setdefault("PATH_INFO", "")
        environ.setdefault("QUERY_STRING", "")

    def run(self, application):
        try:
            result = application(self.environ, self.start_response)
            try:
                self.answer(result)
            finally:
                if hasattr(result, "close"):
                    result.close()
        except (Gone, ConnectionError):
            raise Gone from None
        except BaseException as error:  # SystemExit of an application ends its request, not the worker
            self.failed(error)

    def start_response(self, status, headers, exc_info=None):
        if exc_info:
            try:
                if self.sent:
                    raise exc_info[1].with_traceback(exc_info[2])
            finally:
                exc_info = None
        elif self.head is not None:
            raise AssertionError("start_response was called twice, the second time without exc_info")
        if not isinstance(status, str) or not status[:3].isdigit() or status[3:4] not in ("", " "):
            raise AssertionError("the status is %r; it must be a str such as '200 OK'" % (status,))
        head = ["Status: " + status]
        self.has_length = False
        for name, value in headers:
            if not isinstance(name, str) or not isinstance(value, str):
                raise AssertionError("the header %r: %r must be two values of type str" % (name, value))
            if "\n" in value or "\r" in value or "\n" in name or "\r" in name or ":" in name:
                raise AssertionError("the header %r: %r has a line break in it, or a colon in its name" % (name, value))
            if name.lower() == "content-length":
                self.has_length = True
            head.append(name + ": " + value)
        self.head = "\r\n".join(head).encode("latin-1")
        return self.write

    def write(self, block):
        if not isinstance(block, bytes):
            raise AssertionError("an answer is made of bytes, and this is %s" % type(block).__name__)
        self.send(block)

    def answer(self, result):
        if isinstance(result, (list, tuple)):
            for block in result:
                if not isinstance(block, bytes):
                    raise AssertionError("an answer is made of bytes, and this is %s" % type(block).__name__)
            whole = result[0] if len(result) == 1 else b"".join(result)
            self.send(whole, True, len(whole) if not self.sent else None)
            return
        for block in result:
            if block:
                self.write(block)
        self.send(b"", True)

    def send(self, block, last=False, length=None):
        """Sends the head, if it is not sent yet, and a block of the body."""
        if not self.sent:
            if self.head is None:
                raise AssertionError("the application has not called start_response")
            if not block and not last:
                return
            head = self.head
            if length is not None and not self.has_length and not self.bodyless:
                head += b"\r\nContent-Length: %d" % length
            block = head + b"\r\n\r\n" + block
            self.sent = True
        elif not block and not last:
            return
        number = self.number
        if len(block) <= MOST:
            out = record(STDOUT, number, block) if block else b""
        else:
            out = b"".join([record(STDOUT, number, block[at : at + MOST]) for at in range(0, len(block), MOST)])
        if last:
            out += record(STDOUT, number, b"") + ended(number, REQUEST_COMPLETE)
        self.sock.sendall(out)

    def failed(self, error):
        """Answers for an application that has failed; one that had begun to answer breaks off."""
        text = "".join(traceback.format_exception(type(error), error, error.__traceback__))
        self.environ["wsgi.errors"].write(text)
        if self.sent:
            raise Gone
        self.head, self.has_length = b"Status: 500 Internal Server Error\r\nContent-Type: text/plain", False
        block = b"The application failed.\n"
        self.send(block, True, len(block))


def has_body(environ):
    """Says whether a request may have a body. One that came in chunks has no length."""
    return environ.get("CONTENT_LENGTH") or "HTTP_TRANSFER_ENCODING" in environ or environ.get("REQUEST_METHOD") not in ("GET", "HEAD")


class Server:
    """What every request is told of the worker."""

    def __init__(self, workers, threads):
        self.multiprocess, self.multithread = workers > 1, threads > 1
        most = b"%d" % threads
        self.values = pair(b"FCGI_MAX_CONNS", most) + pair(b"FCGI_MAX_REQS", most) + pair(b"FCGI_MPXS_CONNS", b"0")


def load(name):
    """Finds the application that module:name names, as in shop.wsgi, shop.wsgi:app or shop:create_app()."""
    module, _, attribute = name.partition(":")
    found = importlib.import_module(module)
    if not attribute:
        attribute = next((a for a in ("application", "app") if hasattr(found, a)), "application")
    make = attribute.endswith("()")
    try:
        for part in attribute[: -2 if make else None].split("."):
            found = getattr(found, part)
    except AttributeError:
        near = ", ".join(sorted(a for a in dir(found) if callable(getattr(found, a)) and not a.startswith("_"))) or "none"
        sys.exit("wsgi: the module %s has no %s; what can be called in it: %s" % (module, attribute, near))
    if make:
        found = found()
    if not callable(found):
        sys.exit("wsgi: %s is %s, which cannot be called; an application is a function or an object with __call__" % (name, type(found).__name__))
    return found


def imported(name):
    """Loads the application, or says why it cannot be had, in the last line of what is written."""
    try:
        return load(name)
    except ModuleNotFoundError as error:
        traceback.print_exc()
        sys.exit("wsgi: there is no module %s for %s; it was looked for with %s in: %s" % (error.name, name, sys.executable, ", ".join(p or "." for p in sys.path)))
    except Exception as error:
        traceback.print_exc()
        sys.exit("wsgi: %s cannot be imported: %s: %s" % (name, type(error).__name__, error))


def leave(*_):
    os._exit(0)  # threads may be at work whose requests nobody waits for any more


def main():
    name, workers, threads = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    sys.path[:] = sys.argv[4].split(":") + [p for p in sys.path if p]
    sys.argv[:] = [name]
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    application = imported(name)
    signal.signal(signal.SIGTERM, leave)
    listener = socket.socket(fileno=os.dup(0))
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)  # an application that reads its standard input finds the end of it
    server = Server(workers, threads)
    while True:
        sock, _ = listener.accept()
        threading.Thread(target=Connection(sock).serve, args=(application, server), daemon=True).start()


if __name__ == "__main__":
    main()
