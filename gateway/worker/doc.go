// Package worker keeps a number of processes of one program alive, each with a listening socket of its own on descriptor
// 0, and lends them to requests. It knows no protocol: whether a worker is ready is found out by a function that the
// backend's package brings.
package worker
