// Package backendtest is what every gateway.Backend must do, as a test suite that a backend passes whole.
//
// Who writes a backend provides, in the tests of its package:
//
//   - the application: Program, behind the protocol that the backend speaks. For CGI that is CGIProgram, called by
//     TestMain when the test binary finds itself started as a program; for other protocols a server of the author's that
//     makes an Exchange of each request;
//   - a Factory, which makes the Backend with that application behind it, and says by Subject what the suite cannot
//     know;
//   - a test that calls Run.
//
// Each case works on a Subject of its own, and when it is over there must be no goroutine, descriptor or child process
// more than before: what the Factory starts, the application in the same process among it, ends with Subject.Close.
//
//	suite.go    Run, and what it needs of a backend
//	cases.go    all cases by name
//	bodies.go   cases: what the program is given
//	heads.go    cases: what it answers, up to the body
//	flow.go     cases: the body of the answer, standard error, many at once
//	ends.go     cases: everything that ends too early
//	program.go  the application's side: one behaviour for each PATH_INFO
//	leaks.go    what must not be left behind: goroutines, descriptors, children
package backendtest
