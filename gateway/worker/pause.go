package worker

import "time"

const (
	// spacing is the least time between two starts in a slot whose worker has not proved itself: five a second.
	spacing = 200 * time.Millisecond
	// proof is how long a worker must have been ready to have proved itself, if it has served nothing.
	proof = 5 * time.Second
	// forgiven is how many workers in a row may end unproved, having been ready, before there are pauses.
	forgiven = 5

	firstPause = 100 * time.Millisecond // doubles with each failure
	maxPause   = 10 * time.Second
)

// pause is how long to wait before the next start, after so many failures in a row; age is how long ago the last start
// was.
func pause(failures int, age time.Duration) time.Duration {
	wait := spacing - age
	if failures > 0 {
		wait = max(wait, min(firstPause<<min(failures-1, 10), maxPause))
	}
	return max(wait, 0)
}
