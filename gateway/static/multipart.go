package static

import (
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"strconv"

	"gatewayd/gateway"
)

// sendParts answers with several ranges as multipart/byteranges (RFC 9110 section 14.6).
func sendParts(w http.ResponseWriter, r *http.Request, file *os.File, spans []span, size int64) {
	boundary := strconv.FormatUint(rand.Uint64(), 36) + strconv.FormatUint(rand.Uint64(), 36)
	contentType := w.Header().Get("Content-Type")
	heads := make([]string, len(spans))
	tail := "\r\n--" + boundary + "--\r\n"
	length := int64(len(tail))
	for i, s := range spans {
		heads[i] = "\r\n--" + boundary + "\r\nContent-Type: " + contentType + "\r\nContent-Range: " + s.contentRange(size) + "\r\n\r\n"
		length += int64(len(heads[i])) + s.length
	}
	w.Header().Set("Content-Type", "multipart/byteranges; boundary="+boundary)
	w.Header().Set("Content-Length", strconv.FormatInt(length, 10))
	w.WriteHeader(http.StatusPartialContent)
	for i, s := range spans {
		writeString(w, r, heads[i])
		if s.start == 0 {
			file.Seek(0, io.SeekStart) // sendPart seeks for every other start
		}
		sendPart(w, r, file, s)
	}
	writeString(w, r, tail)
}

func writeString(w http.ResponseWriter, r *http.Request, s string) {
	if _, err := io.WriteString(w, s); err != nil {
		gateway.Abort(r, &gateway.Error{Status: gateway.StatusClientClosed, Op: "static: send", Err: err})
	}
}
