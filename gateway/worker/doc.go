// Package worker keeps a number of processes of one program alive, each with a listening socket of its own on descriptor
// 0, and lends them to requests. It knows no protocol: whether a worker is ready is found out by a function that the
// backend's package brings.
//
// A Pool has a slot for each worker. One goroutine keeps the slot: it starts a process, waits until that is ready, waits
// for its end, and starts the next (slot.go). The socket is the slot's: connections that a worker has not accepted when
// it ends are served by its successor. Who gets which slot is decided in lend.go.
//
// What had been healthy is started again at once. What never became ready, or ends time and again before it has served
// anything, is started again after growing pauses (pause.go); while there is no hope for any worker of a pool, requests
// are refused at once, and told why.
package worker
