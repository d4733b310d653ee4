//go:build !race

package http1server

const raceDetector = false
