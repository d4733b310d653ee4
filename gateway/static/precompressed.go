package static

import (
	"net/http"
	"strings"
	"time"
)

// choose returns what answers for the open file f: the compressed sibling that the client likes best, and then f is
// closed, or f itself.
func (h *Handler) choose(r *http.Request, f found) variant {
	plain := variant{file: f.file, info: f.info}
	accept := r.Header["Accept-Encoding"]
	if len(accept) == 0 || !h.opt.Precompressed || !compressible(typeByName(f.name)) {
		return plain
	}
	weights := parseAcceptEncoding(accept)
	for {
		best := -1
		for i, weight := range weights.coding {
			// At the same weight a coding is better than none, and the first is the best.
			if weight > 0 && weight >= weights.identity && (best < 0 || weight > weights.coding[best]) {
				best = i
			}
		}
		if best < 0 {
			return plain
		}
		weights.coding[best] = 0
		if v, ok := h.sibling(plain, f.name, best); ok {
			f.file.Close()
			return v
		}
	}
}

// sibling opens the file that holds name in a coding. One that is older than the file is left over from an earlier
// version of it, and an empty one is not finished.
func (h *Handler) sibling(plain variant, name string, coding int) (variant, bool) {
	file, info, err := h.opt.Root.Open(name + codings[coding].suffix)
	if err != nil {
		return variant{}, false
	}
	if !info.Mode().IsRegular() || info.Size() == 0 || olderThan(info.ModTime(), plain.info.ModTime()) {
		file.Close()
		return variant{}, false
	}
	return variant{file: file, info: info, encoding: codings[coding].name}, true
}

// olderThan compares the time of a sibling with that of its original. Compressors give the sibling the original's time,
// and some of them keep whole seconds or microseconds only.
func olderThan(sibling, original time.Time) bool {
	return sibling.Before(original) && !sibling.Equal(original.Truncate(time.Second)) && !sibling.Equal(original.Truncate(time.Microsecond))
}

// compressible says whether files of a type may have compressed siblings: all but those that are compressed themselves.
// For the others nothing is looked for, and the answer does not vary.
func compressible(contentType string) bool {
	kind, sub, _ := strings.Cut(contentType, "/")
	switch kind {
	case "video":
		return false
	case "audio":
		return sub == "wav" || sub == "midi"
	case "image":
		return sub == "svg+xml" || sub == "x-icon" || sub == "bmp" || sub == "tiff" || sub == "vnd.adobe.photoshop"
	case "font":
		return sub != "woff" && sub != "woff2"
	}
	switch sub {
	case "zip", "gzip", "zstd", "x-brotli", "x-bzip2", "x-xz", "x-7z-compressed", "vnd.rar", "java-archive", "epub+zip",
		"vnd.google-earth.kmz", "vnd.android.package-archive", "vnd.debian.binary-package", "x-rpm", "vnd.ms-cab-compressed":
		return false
	}
	return !strings.HasPrefix(sub, "vnd.openxmlformats-") && !strings.HasPrefix(sub, "vnd.oasis.opendocument.")
}
