package process

import "syscall"

// exitNotFound is how shells and env end when the command is not there; one less when it cannot be run.
const exitNotFound = 127

// ExplainEnd says what may be behind the end of a program that ended too early. script is the file that it ran, which is
// s.Path where no interpreter was named. Both parts of the answer may be empty: then State says it all.
func ExplainEnd(s Spec, script string, end State) Diagnosis {
	if end.Signal() != 0 {
		return Diagnosis{Hint: killedHint(end.Signal())}
	}
	if d, ok := Unreadable(s); ok {
		return d
	}
	if code := end.ExitCode(); code != exitNotFound && code != exitNotFound-1 {
		return Diagnosis{}
	}
	if d, ok := CarriageReturn(script); ok {
		return d
	}
	return Diagnosis{Hint: "a command that it wanted to run was not found, or may not be run: install it, write its whole path, or add its folder to PATH by `env` or `pass_env`"}
}

func killedHint(sig syscall.Signal) string {
	switch sig {
	case syscall.SIGKILL:
		return "someone sent SIGKILL; on a machine out of memory that is the kernel: see dmesg"
	case syscall.SIGXCPU:
		return "the program used more processor time than its limit"
	case syscall.SIGSEGV, syscall.SIGBUS, syscall.SIGABRT, syscall.SIGILL, syscall.SIGFPE:
		return "the program crashed: run it by hand with the same input"
	}
	return "the program did not end by itself: see who sent the signal"
}
