package http1server

import (
	"net/http"
	"time"
)

// date is the Date field of one second.
type date struct {
	second int64
	line   string
}

// dateLine is the whole line at a time.
func (s *Server) dateLine(now time.Time) string {
	second := now.Unix()
	d := s.date.Load()
	if d == nil || d.second != second {
		d = &date{second, "Date: " + now.UTC().Format(http.TimeFormat) + "\r\n"}
		s.date.Store(d)
	}
	return d.line
}
