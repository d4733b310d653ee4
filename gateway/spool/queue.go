package spool

import (
	"os"
	"sync"

	"golang.org/x/sys/unix"
)

// QueueFile is how many bytes a Queue keeps in its file at most, and QueueReserve is the part of the file system, as one
// in so many, that it leaves free for others.
const (
	QueueFile    = 1 << 30
	QueueReserve = 10
)

// reserveEach is after how many bytes the room of the file system is looked at again.
const reserveEach = 16 << 20

// Queue is bytes on their way from one goroutine, which calls Put, to another, which calls Take: at most Memory of them
// in memory; beyond that all of them in an unnamed temporary file, until the other has caught up. Neither waits for the
// other. Close, when neither is at work, lets go of everything.
type Queue struct {
	dir string
	max int64 // bytes in the file

	// Of the goroutine that puts.
	file    *os.File // nil until it is needed
	noFile  bool     // there can be none, or no more can be written to it
	reserve int64    // bytes that may be written until the room is looked at again

	mu         sync.Mutex // not held while the file is read or written
	put, taken int64      // bytes since the beginning: what is between them is in mem, or
	inFile     bool       // in the file,
	base       int64      // in which the byte at position p is at (p-base) % max
	mem        *[]byte    // nil if nothing is in it
	first, end int        // of what mem holds
}

// NewQueue returns a Queue whose file would be in dir, "" is os.TempDir().
func NewQueue(dir string) *Queue {
	if dir == "" {
		dir = os.TempDir()
	}
	return &Queue{dir: dir, max: QueueFile}
}

var queueMemory = sync.Pool{New: func() any { b := make([]byte, Memory); return &b }}

// Put takes as many bytes of p as there is room for: in memory, and if toFile says so, or something is there already, in
// the file. A file that cannot be had, or is full, is no room.
func (q *Queue) Put(p []byte, toFile bool) (n int) {
	n = q.putMemory(p)
	if n == len(p) || !q.inFile && !(toFile && q.spill()) {
		return n
	}
	return n + q.putFile(p[n:])
}

func (q *Queue) putMemory(p []byte) (n int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.put == q.taken {
		q.inFile = false
	}
	if q.inFile {
		return 0
	}
	if q.mem == nil {
		q.mem = queueMemory.Get().(*[]byte)
	}
	if q.first > 0 && q.end+len(p) > len(*q.mem) {
		q.first, q.end = 0, copy(*q.mem, (*q.mem)[q.first:q.end])
	}
	n = copy((*q.mem)[q.end:], p)
	q.end += n
	q.put += int64(n)
	return n
}

// spill moves what is in memory to the file. Meanwhile it may be taken.
func (q *Queue) spill() bool {
	if q.noFile || q.file == nil && !q.open() {
		return false
	}
	q.mu.Lock()
	held, from := (*q.mem)[q.first:q.end], q.taken
	q.mu.Unlock()
	if !q.write(held, 0) {
		return false
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	q.inFile, q.base = true, from
	q.dropMemory()
	return true
}

func (q *Queue) open() bool {
	var err error
	q.file, err = tempFile(q.dir)
	q.noFile = err != nil
	return err == nil
}

// write writes all of p at offset at. If it cannot, the file takes no more.
func (q *Queue) write(p []byte, at int64) bool {
	if q.noFile || !q.spares(len(p)) {
		return false
	}
	_, err := q.file.WriteAt(p, at)
	q.noFile = err != nil
	return err == nil
}

func (q *Queue) putFile(p []byte) (n int) {
	for n < len(p) {
		at, room := q.fileRoom()
		part := p[n:min(len(p), n+int(room))]
		if len(part) == 0 || !q.write(part, at) {
			break
		}
		n += len(part)
		q.mu.Lock()
		q.put += int64(len(part))
		q.mu.Unlock()
	}
	return n
}

// fileRoom is where the next byte goes, and how many have room there.
func (q *Queue) fileRoom() (at, room int64) {
	q.mu.Lock()
	defer q.mu.Unlock()
	at = (q.put - q.base) % q.max
	return at, min(q.max-(q.put-q.taken), q.max-at)
}

// spares says whether the file system has room for n more bytes beside what is left to others.
func (q *Queue) spares(n int) bool {
	if q.reserve -= int64(n); q.reserve >= 0 {
		return true
	}
	q.reserve = reserveEach
	var fs unix.Statfs_t
	if err := unix.Fstatfs(int(q.file.Fd()), &fs); err == nil && fs.Blocks > 0 {
		q.noFile = fs.Bavail < fs.Blocks/QueueReserve+uint64(reserveEach/max(fs.Bsize, 1))
	}
	return !q.noFile
}

// Take copies to p what has been put longest ago. It is 0 without an error if there is nothing; an error is a *StoreError.
func (q *Queue) Take(p []byte) (n int, err error) {
	q.mu.Lock()
	if !q.inFile {
		defer q.mu.Unlock()
		return q.takeMemory(p), nil
	}
	at := (q.taken - q.base) % q.max
	held := min(q.put-q.taken, q.max-at, int64(len(p)))
	q.mu.Unlock()
	n, err = q.file.ReadAt(p[:held], at)
	if err != nil {
		return n, &StoreError{Dir: q.dir, Err: err}
	}
	q.mu.Lock()
	q.taken += int64(n)
	q.mu.Unlock()
	return n, nil
}

func (q *Queue) takeMemory(p []byte) (n int) {
	if q.mem == nil {
		return 0
	}
	n = copy(p, (*q.mem)[q.first:q.end])
	q.first += n
	q.taken += int64(n)
	return n
}

func (q *Queue) dropMemory() {
	if q.mem != nil {
		queueMemory.Put(q.mem)
	}
	q.mem, q.first, q.end = nil, 0, 0
}

// Close lets go of what has not been taken.
func (q *Queue) Close() error {
	q.dropMemory()
	if q.file != nil {
		return q.file.Close()
	}
	return nil
}
