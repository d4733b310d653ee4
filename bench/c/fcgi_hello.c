/*
 * A FastCGI worker by libfcgi: fcgi_hello BYTES [SOCKET WORKERS]. It answers every request with BYTES of x. The socket is
 * descriptor 0; or it makes SOCKET and that many processes that share it.
 */
#include <fcgiapp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

static int serve(int socket, char *body, int bytes) {
	FCGX_Request request;

	FCGX_InitRequest(&request, socket, 0);
	while (FCGX_Accept_r(&request) == 0) {
		/* An end of the body that comes after the answer is taken for a broken protocol: libfcgi closes. */
		while (FCGX_GetChar(request.in) >= 0)
			;
		FCGX_FPrintF(request.out, "Content-Type: text/plain\r\nContent-Length: %d\r\n\r\n", bytes);
		FCGX_PutStr(body, bytes, request.out);
	}
	return 1;
}

int main(int argc, char **argv) {
	int bytes = argc > 1 ? atoi(argv[1]) : 0, socket = 0;
	char *body = malloc(bytes + 1);

	if (argc != 2 && argc != 4) {
		fprintf(stderr, "usage: fcgi_hello BYTES [SOCKET WORKERS]\n");
		return 2;
	}
	memset(body, 'x', bytes);
	FCGX_Init();
	if (argc == 2)
		return serve(0, body, bytes);
	umask(0); /* servers may run as another user */
	if ((socket = FCGX_OpenSocket(argv[2], 1024)) < 0)
		return 1;
	for (int workers = atoi(argv[3]); workers > 0; workers--)
		if (fork() == 0) {
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			return serve(socket, body, bytes);
		}
	pause();
	return 0;
}
