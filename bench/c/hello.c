/* The CGI program that every server runs: nothing but an answer. */
#include <unistd.h>

int main(void) {
	static const char answer[] = "Content-Type: text/plain\n\nhello\n";
	return write(1, answer, sizeof answer - 1) == sizeof answer - 1 ? 0 : 1;
}
