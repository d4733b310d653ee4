/*
 * As fcgi_hello.c, without libfcgi, which writes 8 KiB at a time: an answer here is records of 32 KiB in one writev. What
 * the worker costs hides less of what the server costs.
 */
#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

enum { BEGIN_REQUEST = 1, END_REQUEST = 3, STDIN = 5, STDOUT = 6, GET_VALUES = 9, GET_VALUES_RESULT = 10 };
enum { HEADER = 8, CHUNK = 32 << 10, MAX_PIECES = 256, KEEP_CONN = 1 };

static struct iovec answer[MAX_PIECES];
static int pieces;

static void add(const void *data, size_t size) {
	if (pieces == MAX_PIECES)
		exit(3);
	answer[pieces++] = (struct iovec){(void *)data, size};
}

static uint8_t *header(int type, int size) {
	uint8_t *h = calloc(1, HEADER);
	h[0] = 1, h[1] = type, h[3] = 1, h[4] = size >> 8, h[5] = size;
	return h;
}

/* prepare makes the one answer there is; every request has the id 1. */
static void prepare(int bytes) {
	static char head[100];
	static const uint8_t end[8];
	char *body = malloc(CHUNK);
	int n = sprintf(head, "Content-Type: text/plain\r\nContent-Length: %d\r\n\r\n", bytes), first = CHUNK - n;

	memset(body, 'x', CHUNK);
	if (first > bytes)
		first = bytes;
	add(header(STDOUT, n + first), HEADER);
	add(head, n);
	add(body, first);
	for (int left = bytes - first, size; left > 0; left -= size) {
		size = left < CHUNK ? left : CHUNK;
		add(header(STDOUT, size), HEADER);
		add(body, size);
	}
	add(header(STDOUT, 0), HEADER);
	add(header(END_REQUEST, sizeof end), HEADER);
	add(end, sizeof end);
}

static int send_all(int conn, const struct iovec *from, int count) {
	struct iovec rest[MAX_PIECES], *at = rest;

	memcpy(rest, from, count * sizeof *from);
	while (count > 0) {
		ssize_t n = writev(conn, at, count);
		if (n < 0)
			return -1;
		for (; count > 0 && (size_t)n >= at->iov_len; count--)
			n -= at++->iov_len;
		if (count > 0) {
			at->iov_base = (char *)at->iov_base + n;
			at->iov_len -= n;
		}
	}
	return 0;
}

/* converse answers what comes on a connection, until it ends or is not to be kept. */
static void converse(int conn) {
	static uint8_t buffer[128 << 10];
	size_t got = 0, at;
	ssize_t n;
	int keep = 1;

	while (keep >= 0 && (n = read(conn, buffer + got, sizeof buffer - got)) > 0) {
		got += n;
		for (at = 0; keep >= 0 && got - at >= HEADER;) {
			uint8_t *record = buffer + at;
			size_t size = record[4] << 8 | record[5];
			if (got - at < HEADER + size + record[6])
				break;
			at += HEADER + size + record[6];
			if (record[1] == BEGIN_REQUEST)
				keep = record[HEADER + 2] & KEEP_CONN;
			else if (record[1] == GET_VALUES && write(conn, "\1\12\0\0\0\0\0\0", HEADER) != HEADER)
				return;
			else if (record[1] == STDIN && size == 0 && (send_all(conn, answer, pieces) < 0 || !keep))
				keep = -1;
		}
		memmove(buffer, buffer + at, got -= at);
	}
}

static int serve(int listener) {
	int conn;

	while ((conn = accept(listener, NULL, NULL)) >= 0 || errno == EINTR)
		if (conn >= 0) {
			converse(conn);
			close(conn);
		}
	return 1;
}

static int make_socket(const char *path) {
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int s = socket(AF_UNIX, SOCK_STREAM, 0);

	umask(0); /* servers may run as another user */
	strncpy(address.sun_path, path, sizeof address.sun_path - 1);
	if (bind(s, (struct sockaddr *)&address, sizeof address) < 0 || listen(s, 1024) < 0) {
		perror(path);
		exit(1);
	}
	return s;
}

int main(int argc, char **argv) {
	int listener;

	if (argc != 2 && argc != 4) {
		fprintf(stderr, "usage: fcgi_lean BYTES [SOCKET WORKERS]\n");
		return 2;
	}
	signal(SIGPIPE, SIG_IGN);
	prepare(atoi(argv[1]));
	if (argc == 2)
		return serve(0);
	listener = make_socket(argv[2]);
	for (int workers = atoi(argv[3]); workers > 0; workers--)
		if (fork() == 0) {
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			return serve(listener);
		}
	pause();
	return 0;
}
