// Package process starts one process in a group of its own and stops it for certain. It knows no protocol and no
// configuration; whoever starts a process owns it until Done is closed.
//
// A process that ends is noticed through its pidfd and Go's poller, so that a running process costs a goroutine and not
// a thread. Its group is signalled only while the leader has not been reaped: until then the kernel cannot give the
// number to anyone else. Nothing here waits for "any child", which would steal exit states from other packages.
//
// Another user is a matter of the fork. Limits, umask and priority take a detour (shim.go) that only programs with such
// options pay for. A Guard sees to it that no program outlives a server that was killed.
//
// Explain says in plain words why a program could not be started.
package process
