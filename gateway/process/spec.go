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

	User     *User   // who runs it; nil is who runs this process
	Limits   []Limit // of the process and of what it starts; the others are inherited
	Umask    *int    // nil is inherited
	Priority int     // nice value, -20 to 19; 0 is inherited

	// OnExit, if set, is called once, on a goroutine of its own or that of Await, when the process has ended and before
	// Done is closed. It must not block.
	OnExit func(State)

	// Unwatched leaves it to the caller to notice the end, by Watch or Await: most programs of a request have ended
	// before anyone could begin to wait for them.
	Unwatched bool

	// OneLife says that the program's children are to share its fate: if a signal ends it, what is left of its group is
	// killed. One that ends by itself has had its chance to take care of them.
	OneLife bool

	outlives bool // it is not ended with this process
}

// User is who a process runs as. To become another user takes root, or CAP_SETUID,
// CAP_SETGID and, to end what was started, CAP_KILL.
type User struct {
	Name     string // for messages
	UID, GID uint32
	Groups   []uint32 // supplementary groups: these and no others
}

// Limit is a resource limit, soft and hard alike (setrlimit(2)); the hard one of processor time is a second more, where
// that is allowed.
type Limit struct {
	Resource int    // unix.RLIMIT_CPU ...
	Max      uint64 // unix.RLIM_INFINITY is none
}

// A Launcher starts processes. Safe for concurrent use.
type Launcher interface {
	Start(Spec) (*Process, error)
}

// Exec is the Launcher that forks and executes.
type Exec struct {
	Guard *Guard // ends the programs' groups should this process be killed; may be nil
}

// Start implements Launcher.
func (e Exec) Start(s Spec) (*Process, error) { return launch(s, e.Guard) }

// Start starts s with no Guard.
func Start(s Spec) (*Process, error) { return launch(s, nil) }
