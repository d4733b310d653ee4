package worker

// Kind is what has happened to a worker.
type Kind int

const (
	Ready     Kind = iota // it was started and is ready; for debugging
	Recycled              // it has ended by itself with status 0, which is nothing bad; for debugging
	Died                  // it has ended otherwise; another takes its place. A warning
	Replaced              // it was stopped, because it was no good; another takes its place. A warning
	GaveUp                // no worker can be had in this place; it is tried again now and then. An error
	Recovered             // it is ready after all, after GaveUp
	Odd                   // something in the Spec has no effect. A warning
)

// Event is a line for the log.
type Event struct {
	Kind    Kind
	Program string
	Worker  int    // counted from 1; 0 for all of them
	PID     int    // 0 if there was no process
	Text    string // a clause: "it was killed by SIGSEGV; its last words: ..."
	Hint    string // may be empty
}
