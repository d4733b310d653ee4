// Package stderr takes what a program writes to its standard error and makes log lines of it, within bounds, and
// remembers its last words. How the bytes get here, by a pipe or in FastCGI records, is the caller's.
package stderr
