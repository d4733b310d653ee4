package process

import "os"

// Spec is what to start.
type Spec struct {
	Path string   // the program, an absolute path
	Args []string // the whole argument list, the program's name first; empty: just Path
	Env  []string // the whole environment, "NAME=value"; nil is an empty one
	Dir  string   // working directory, absolute; "" is the caller's

	// The child's descriptors 0, 1 and 2, and it has no others; nil is /dev/null. They stay the caller's to close. A
	// pipe or socket end must be in blocking mode: the child shares its flags, and few programs expect EAGAIN.
	Stdin, Stdout, Stderr *os.File

	// OnExit, if set, is called once, on a goroutine of its own, when the process has ended and before Done is closed.
	// It must not block.
	OnExit func(State)
}

// A Launcher starts processes. Safe for concurrent use.
type Launcher interface {
	Start(Spec) (*Process, error)
}

// Exec is the Launcher that forks and executes.
type Exec struct{}

// Start implements Launcher.
func (Exec) Start(s Spec) (*Process, error) { return Start(s) }
