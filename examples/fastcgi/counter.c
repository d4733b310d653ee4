/* A FastCGI program in C: it is started once and answers many requests, so it can count them.
 *
 * It is an ordinary program for libfcgi (Debian: apt-get install libfcgi-dev), which speaks CGI too:
 *
 *     gcc -O2 -o counter counter.c -lfcgi
 *
 *     routes:
 *       "/counter": { fastcgi: ./counter }     # or cgi: then each request is number 1
 */
#include <fcgi_stdio.h> /* instead of stdio.h: printf and fread go to the client of the request */
#include <stdlib.h>
#include <unistd.h>

int main(void) {
	int count = 0;
	while (FCGI_Accept() >= 0) {
		char buffer[4096];
		size_t n, length = 0;
		while ((n = fread(buffer, 1, sizeof buffer, stdin)) > 0)
			length += n;
		printf("Content-Type: text/plain\r\n\r\n");
		printf("Request number %d of process %d.\n", ++count, (int)getpid());
		if (length > 0)
			printf("It brought %lu bytes.\n", (unsigned long)length); /* libfcgi knows no %zu */
	}
	return 0;
}
