package fastcgi

import (
	"time"

	"gatewayd/gateway/admission"
	"gatewayd/gateway/cgispec"
	"gatewayd/gateway/process"
	"gatewayd/gateway/upstream"
)

// Options is what a Backend is made of. Upstream must be set.
type Options struct {
	Upstream upstream.Upstream
	Gate     *admission.Gate // how many requests may be at work at once; nil: any number
	Env      cgispec.Env

	// Root and WorkerRoot are absolute paths: files below Root are told to the application as below WorkerRoot, because
	// it sees them there (in another container, in a chroot). WorkerRoot "" is Root.
	Root, WorkerRoot string

	MaxHeader      int64         // bytes of the answer's head; 0 is 64 KiB
	ConnectTimeout time.Duration // 0 is 5 s
	// StopTimeout is how long an application that was told to abort a request may take to end it before its connection
	// is closed; 0 is 2 s.
	StopTimeout time.Duration

	// Script says that the application runs the files that SCRIPT_FILENAME names, as PHP does: what it says of one that
	// it cannot find is then explained.
	Script bool
	// User is who runs the workers that gatewayd starts, for that explanation; nil is who runs gatewayd.
	User *process.User
}
