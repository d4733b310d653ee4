//go:build race

package relay

// slack: the race detector lets pools forget now and then.
const slack = 2
