// Package backendtest is what every gateway.Backend must do, as a test suite: each backend's tests call Run with a
// Factory and let Program be the application behind it, carried over whatever protocol the backend speaks.
//
//	suite.go    Run and what it needs of a backend
//	cases.go    the cases
//	program.go  the application's side: one behaviour for each PATH_INFO
//	leaks.go    what must not be left behind: goroutines, descriptors, children
package backendtest
