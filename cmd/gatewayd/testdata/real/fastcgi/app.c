/* A libfcgi program for the tests: the same binary is a CGI program and a FastCGI worker. PATH_INFO says what it does. */
#include <fcgi_stdio.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

extern char **environ;

static void head(const char *type) { printf("Content-Type: %s\r\n\r\n", type); }

/* All variables, one a line. */
static void env(void) {
	head("text/plain");
	for (char **e = environ; *e; e++)
		printf("%s\n", *e);
}

/* The body of the request. */
static void echo(void) {
	char buf[32768];
	size_t n;
	head("application/octet-stream");
	while ((n = fread(buf, 1, sizeof buf, stdin)) > 0)
		fwrite(buf, 1, n, stdout);
}

/* Length and SHA-256 of the body; the file that TEMP_FILE names is used. */
static void sum(void) {
	static char buf[65536];
	char command[4200], line[65] = "";
	const char *temp = getenv("TEMP_FILE");
	unsigned long long length = 0;
	size_t n;
	snprintf(command, sizeof command, "sha256sum >'%s'", temp);
	FILE *program = popen(command, "w");
	while ((n = fread(buf, 1, sizeof buf, stdin)) > 0) {
		fwrite(buf, 1, n, program);
		length += n;
	}
	pclose(program);
	FILE *result = fopen(temp, "r");
	if (result) {
		fread(line, 1, 64, result);
		fclose(result);
		remove(temp);
	}
	head("text/plain");
	printf("%llu %s\n", length, line);
}

/* As many bytes as the query says, multiples of 8, of a generator that the test has too. */
static void large(unsigned long long size) {
	static uint64_t words[8192];
	uint64_t x = 88172645463325252ULL;
	if (getenv("HTTP_X_LENGTH"))
		printf("Content-Length: %llu\r\n", size);
	head("application/octet-stream");
	while (size > 0) {
		size_t n = size < sizeof words ? size : sizeof words;
		for (size_t i = 0; i < n / 8; i++) {
			x ^= x << 13;
			x ^= x >> 7;
			x ^= x << 17;
			words[i] = x;
		}
		if (fwrite(words, 1, n, stdout) < n)
			return;
		size -= n;
	}
}

/* Half of an answer, then nothing until the end of the process, or of the connection. */
static void half(void) {
	head("text/plain");
	printf("%d\n", (int)getpid());
	fflush(stdout);
	pause();
}

/* So many lines, one every 10 ms, for as long as somebody takes them. */
static void ticks(int count) {
	head("text/plain");
	for (int i = 0; i < count && printf("tick\n") > 0 && fflush(stdout) == 0; i++)
		usleep(10000);
}

/* Says in the file that EXECUTIONS names that the request has been executed. */
static void note(const char *what) {
	FILE *file = fopen(getenv("EXECUTIONS"), "a");
	fprintf(file, "%s\n", what);
	fclose(file);
}

/* Says which process has the request, and never answers. */
static void stuck(void) {
	char pid[20];
	snprintf(pid, sizeof pid, "%d", (int)getpid());
	note(pid);
	pause();
}

static void answer(const char *path, const char *query) {
	static int count;
	count++;
	if (!strcmp(path, "/env"))
		env();
	else if (!strcmp(path, "/echo"))
		echo();
	else if (!strcmp(path, "/sum"))
		sum();
	else if (!strcmp(path, "/large"))
		large(strtoull(query, NULL, 10));
	else if (!strcmp(path, "/ticks"))
		ticks(atoi(query));
	else if (!strcmp(path, "/half"))
		half();
	else if (!strcmp(path, "/note")) {
		note(query);
		head("text/plain");
		printf("noted\n");
	} else if (!strcmp(path, "/status"))
		printf("Status: %s\r\nContent-Type: text/plain\r\n\r\nstatus %s\n", query, query);
	else if (!strcmp(path, "/stderr")) {
		fprintf(stderr, "a complaint: %s\n", query);
		head("text/plain");
		printf("complained\n");
	} else if (!strcmp(path, "/sleep")) {
		usleep(atoi(query) * 1000);
		head("text/plain");
		printf("slept\n");
	} else if (!strcmp(path, "/stuck"))
		stuck();
	else if (!strcmp(path, "/exit"))
		exit(3);
	else {
		head("text/plain");
		printf("%d %d\n", (int)getpid(), count);
	}
}

int main(void) {
	while (FCGI_Accept() >= 0) {
		const char *path = getenv("PATH_INFO"), *query = getenv("QUERY_STRING");
		answer(path ? path : "", query ? query : "");
	}
	return 0;
}
