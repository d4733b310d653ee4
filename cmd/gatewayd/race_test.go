//go:build race

package main

// raceDetector says that this build counts every access to memory: sizes and times are not the program's own.
const raceDetector = true
