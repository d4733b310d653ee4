package process

import (
	"errors"

	"golang.org/x/sys/unix"
)

// Diagnosis says in plain words why a program could not be started.
type Diagnosis struct {
	Cause string // what is wrong, naming the file that it is about
	Hint  string // what to do about it; may be empty
	// NotExecutable says that the program's own file lacks the permission to be executed.
	NotExecutable bool
	// Busy says that the machine is short of something and may have it again in a moment.
	Busy bool
}

// Explain finds out why s could not be started with the error err of Start. It looks at the files as they are now.
func Explain(s Spec, err error) Diagnosis {
	switch {
	case errors.Is(err, unix.EAGAIN), errors.Is(err, unix.ENOMEM), errors.Is(err, unix.EMFILE), errors.Is(err, unix.ENFILE):
		return Diagnosis{Cause: err.Error(), Busy: true}
	}
	return Diagnosis{Cause: err.Error()}
}
