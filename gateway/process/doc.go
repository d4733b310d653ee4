// Package process starts one process in a group of its own and stops it for certain. It knows no protocol and no
// configuration; whoever starts a process owns it until Done is closed.
package process
