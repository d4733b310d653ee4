/*
 * What running a CGI program costs by itself: two threads at once start it, read what it writes through a pipe to the
 * end, and wait for it.
 *
 *	spawnloop N PROGRAM    N runs in all; prints runs, seconds, and seconds of processor time, programs included
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <spawn.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { LOOPS = 2 };

static atomic_long left;
static char *program;

static void fail(const char *what, int error) {
	fprintf(stderr, "spawnloop: %s: %s\n", what, strerror(error));
	exit(1);
}

/* One run, as a CGI server does it: a pipe for the answer, /dev/null for the body. */
static void run(void) {
	static char *environment[] = {"GATEWAY_INTERFACE=CGI/1.1", "REQUEST_METHOD=GET", "SERVER_PROTOCOL=HTTP/1.1", NULL};
	char *arguments[] = {program, NULL}, buffer[4096];
	posix_spawn_file_actions_t actions;
	int out[2], error, status;
	long got = 0;
	ssize_t n;
	pid_t pid;

	if (pipe2(out, O_CLOEXEC) < 0)
		fail("pipe", errno);
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
	posix_spawn_file_actions_adddup2(&actions, out[1], 1);
	error = posix_spawn(&pid, program, &actions, NULL, arguments, environment);
	posix_spawn_file_actions_destroy(&actions);
	if (error)
		fail(program, error);
	close(out[1]);
	while ((n = read(out[0], buffer, sizeof buffer)) > 0)
		got += n;
	close(out[0]);
	if (waitpid(pid, &status, 0) != pid || status != 0 || got == 0)
		fail("the program failed", 0);
}

static void *loop(void *unused) {
	while (atomic_fetch_sub(&left, 1) > 0)
		run();
	return unused;
}

static double used(int who) {
	struct rusage u;
	getrusage(who, &u);
	return u.ru_utime.tv_sec + u.ru_stime.tv_sec + (u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

static double now(void) {
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}

int main(int argc, char **argv) {
	pthread_t threads[LOOPS];
	double begun = now();
	long runs;

	if (argc != 3 || (runs = atol(argv[1])) <= 0) {
		fprintf(stderr, "usage: spawnloop N PROGRAM\n");
		return 2;
	}
	program = argv[2];
	left = runs;
	for (int i = 0; i < LOOPS; i++)
		if (pthread_create(&threads[i], NULL, loop, NULL))
			fail("pthread_create", EAGAIN);
	for (int i = 0; i < LOOPS; i++)
		pthread_join(threads[i], NULL);
	printf("%ld %.6f %.6f\n", runs, now() - begun, used(RUSAGE_SELF) + used(RUSAGE_CHILDREN));
	return 0;
}
