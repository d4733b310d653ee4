package static

import (
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"strconv"

	"gatewayd/gateway"
)

// sendSpans answers with several ranges as multipart/byteranges (RFC 9110 section 14.6).
func sendSpans(w http.ResponseWriter, r *http.Request, file *os.File, spans []span, size int64) {
	// Nobody gains anything by guessing the boundary: whoever knows the file and the ranges knows where the parts end.
	boundary := strconv.FormatUint(rand.Uint64(), 36) + strconv.FormatUint(rand.Uint64(), 36)
	contentType := w.Header().Get("Content-Type")
	heads := make([]string, len(spans))
	tail := "\r\n--" + boundary + "--\r\n"
	length := int64(len(tail))
	for i, s := range spans {
		heads[i] = "--" + boundary + "\r\nContent-Type: " + contentType + "\r\nContent-Range: " + s.contentRange(size) + "\r\n\r\n"
		if i > 0 {
			heads[i] = "\r\n" + heads[i]
		}
		length += int64(len(heads[i])) + s.length
	}
	w.Header().Set("Content-Type", "multipart/byteranges; boundary="+boundary)
	head(w, http.StatusPartialContent, length)
	for i, s := range spans {
		writeString(w, r, file, heads[i])
		sendSpan(w, r, file, s)
	}
	writeString(w, r, file, tail)
}

func writeString(w http.ResponseWriter, r *http.Request, file *os.File, s string) {
	if _, err := io.WriteString(w, s); err != nil {
		gateway.Abort(r, broken(file, err))
	}
}
