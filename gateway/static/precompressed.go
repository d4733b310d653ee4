package static

import (
	"net/http"
	"strconv"
	"strings"
)

// siblings are the encodings that a file beside NAME can have, best first.
var siblings = [...]struct{ encoding, suffix string }{{"br", ".br"}, {"zstd", ".zst"}, {"gzip", ".gz"}}

// choose opens what answers for name: the best compressed sibling that the client takes, else the file itself. The
// caller closes the file.
func (h *Handler) choose(r *http.Request, name string) (variant, error) {
	file, info, err := h.openFile(name)
	if err != nil {
		return variant{}, err
	}
	plain := variant{file: file, info: info}
	if accept := r.Header["Accept-Encoding"]; h.opt.Precompressed && len(accept) > 0 {
		if v, ok := h.sibling(plain, name, accept); ok {
			file.Close()
			v.etag = makeETag(v.info, v.encoding)
			return v, nil
		}
	}
	plain.etag = makeETag(info, "")
	return plain, nil
}

// sibling is the compressed file that the client likes best. One that is older than the file is left over from an
// earlier version of it.
func (h *Handler) sibling(plain variant, name string, accept []string) (best variant, found bool) {
	bestQuality := 0
	for _, s := range siblings {
		q := quality(accept, s.encoding)
		if q <= bestQuality {
			continue
		}
		file, info, err := h.opt.Root.Open(name + s.suffix)
		if err != nil {
			continue
		}
		if !info.Mode().IsRegular() || info.ModTime().Before(plain.info.ModTime()) {
			file.Close()
			continue
		}
		if found {
			best.file.Close()
		}
		best, bestQuality, found = variant{file: file, info: info, encoding: s.encoding}, q, true
	}
	if found && quality(accept, "identity") > bestQuality && namesIdentity(accept) {
		best.file.Close()
		return variant{}, false
	}
	return best, found
}

// namesIdentity says whether the client has an opinion of its own on the uncompressed form.
func namesIdentity(accept []string) bool {
	return strings.Contains(strings.Join(accept, ","), "identity")
}

// quality is how much the client wants an encoding, in thousandths (RFC 9110 section 12.5.3): 0 is not at all.
func quality(accept []string, encoding string) int {
	any := -1
	for _, field := range accept {
		for element := range strings.SplitSeq(field, ",") {
			name, parameters, _ := strings.Cut(element, ";")
			name = strings.Trim(name, " \t")
			switch {
			case strings.EqualFold(name, encoding), encoding == "gzip" && strings.EqualFold(name, "x-gzip"):
				return weight(parameters)
			case name == "*":
				any = weight(parameters)
			}
		}
	}
	switch {
	case any >= 0:
		return any
	case encoding == "identity":
		return 1
	}
	return 0
}

// weight reads ";q=0.5"; without one it is 1000. What is not well formed is no wish.
func weight(parameters string) int {
	for parameter := range strings.SplitSeq(parameters, ";") {
		name, value, ok := strings.Cut(parameter, "=")
		if !ok || !strings.EqualFold(strings.Trim(name, " \t"), "q") {
			continue
		}
		q, err := strconv.ParseFloat(strings.Trim(value, " \t"), 64)
		if err != nil || !(q >= 0 && q <= 1) {
			return 0
		}
		return int(q * 1000)
	}
	return 1000
}
