package static

import "strings"

// typeByName is the media type of a file by its extension, from the table below alone: the same on every machine. The
// extension's letters may be capitals (ASCII only). What is not known is application/octet-stream, which no browser
// shows.
func typeByName(name string) string {
	dot := strings.LastIndexByte(name, '.')
	if dot < 0 || strings.IndexByte(name[dot:], '/') >= 0 {
		return unknownType
	}
	if t, ok := types[name[dot+1:]]; ok {
		return t
	}
	if t, ok := types[lowerASCII(name[dot+1:])]; ok {
		return t
	}
	return unknownType
}

const unknownType = "application/octet-stream"

func lowerASCII(s string) string {
	b := []byte(s)
	for i, c := range b {
		if 'A' <= c && c <= 'Z' {
			b[i] = c + 'a' - 'A'
		}
	}
	return string(b)
}

// types are media types by extension. Text is said to be UTF-8; XML and JSON are not, since they say it themselves.
var types = map[string]string{
	// the web
	"html": "text/html; charset=utf-8", "htm": "text/html; charset=utf-8", "shtml": "text/html; charset=utf-8",
	"xhtml": "application/xhtml+xml", "css": "text/css; charset=utf-8",
	"js": "text/javascript; charset=utf-8", "mjs": "text/javascript; charset=utf-8", "cjs": "text/javascript; charset=utf-8",
	"json": "application/json", "map": "application/json", "jsonld": "application/ld+json", "geojson": "application/geo+json",
	"ndjson": "application/x-ndjson", "jsonl": "application/x-ndjson", "webmanifest": "application/manifest+json",
	"wasm": "application/wasm", "xml": "application/xml", "xsl": "application/xml", "xslt": "application/xslt+xml",
	"rss": "application/rss+xml", "atom": "application/atom+xml", "vtt": "text/vtt; charset=utf-8",
	// text
	"txt": "text/plain; charset=utf-8", "text": "text/plain; charset=utf-8", "log": "text/plain; charset=utf-8",
	"conf": "text/plain; charset=utf-8", "ini": "text/plain; charset=utf-8", "diff": "text/plain; charset=utf-8",
	"patch": "text/plain; charset=utf-8", "asc": "text/plain; charset=utf-8", "md": "text/markdown; charset=utf-8",
	"markdown": "text/markdown; charset=utf-8", "csv": "text/csv; charset=utf-8", "tsv": "text/tab-separated-values; charset=utf-8",
	"ics": "text/calendar; charset=utf-8", "vcf": "text/vcard; charset=utf-8", "yaml": "application/yaml", "yml": "application/yaml",
	"toml": "application/toml", "rtf": "application/rtf", "tex": "text/x-tex; charset=utf-8", "srt": "text/plain; charset=utf-8",
	"c": "text/x-c; charset=utf-8", "h": "text/x-c; charset=utf-8", "go": "text/x-go; charset=utf-8", "rs": "text/plain; charset=utf-8",
	"sh": "text/plain; charset=utf-8", "py": "text/plain; charset=utf-8", "pl": "text/plain; charset=utf-8",
	"rb": "text/plain; charset=utf-8", "lua": "text/plain; charset=utf-8", "sql": "text/plain; charset=utf-8",
	"java": "text/plain; charset=utf-8", "cc": "text/x-c; charset=utf-8", "cpp": "text/x-c; charset=utf-8", "hpp": "text/x-c; charset=utf-8",
	// pictures
	"png": "image/png", "jpg": "image/jpeg", "jpeg": "image/jpeg", "jpe": "image/jpeg", "gif": "image/gif", "webp": "image/webp",
	"avif": "image/avif", "svg": "image/svg+xml", "ico": "image/x-icon", "bmp": "image/bmp",
	"tif": "image/tiff", "tiff": "image/tiff", "heic": "image/heic", "heif": "image/heif", "jxl": "image/jxl", "apng": "image/apng",
	"psd": "image/vnd.adobe.photoshop", "djvu": "image/vnd.djvu",
	// sound and film
	"mp3": "audio/mpeg", "m4a": "audio/mp4", "aac": "audio/aac", "ogg": "audio/ogg", "oga": "audio/ogg", "opus": "audio/ogg",
	"flac": "audio/flac", "wav": "audio/wav", "mid": "audio/midi", "midi": "audio/midi", "weba": "audio/webm",
	"mp4": "video/mp4", "m4v": "video/mp4", "webm": "video/webm", "ogv": "video/ogg", "mov": "video/quicktime",
	"avi": "video/x-msvideo", "mkv": "video/x-matroska", "mpeg": "video/mpeg", "mpg": "video/mpeg", "ts": "video/mp2t",
	"3gp": "video/3gpp", "flv": "video/x-flv", "wmv": "video/x-ms-wmv", "m3u8": "application/vnd.apple.mpegurl",
	"mpd": "application/dash+xml",
	// fonts
	"woff": "font/woff", "woff2": "font/woff2", "ttf": "font/ttf", "otf": "font/otf", "ttc": "font/collection",
	"eot": "application/vnd.ms-fontobject",
	// documents
	"pdf": "application/pdf", "ps": "application/postscript", "eps": "application/postscript", "epub": "application/epub+zip",
	"doc": "application/msword", "xls": "application/vnd.ms-excel", "ppt": "application/vnd.ms-powerpoint",
	"docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
	"xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
	"pptx": "application/vnd.openxmlformats-officedocument.presentationml.presentation",
	"odt":  "application/vnd.oasis.opendocument.text", "ods": "application/vnd.oasis.opendocument.spreadsheet",
	"odp": "application/vnd.oasis.opendocument.presentation", "odg": "application/vnd.oasis.opendocument.graphics",
	"kml": "application/vnd.google-earth.kml+xml", "kmz": "application/vnd.google-earth.kmz", "gpx": "application/gpx+xml",
	// archives and packages
	"zip": "application/zip", "gz": "application/gzip", "tgz": "application/gzip", "bz2": "application/x-bzip2",
	"xz": "application/x-xz", "zst": "application/zstd", "br": "application/x-brotli", "tar": "application/x-tar",
	"7z": "application/x-7z-compressed", "rar": "application/vnd.rar", "jar": "application/java-archive",
	"war": "application/java-archive", "deb": "application/vnd.debian.binary-package", "rpm": "application/x-rpm",
	"apk": "application/vnd.android.package-archive", "iso": "application/x-iso9660-image", "cab": "application/vnd.ms-cab-compressed",
	"torrent": "application/x-bittorrent", "swf": "application/vnd.adobe.flash.movie", "sqlite": "application/vnd.sqlite3",
	"crt": "application/x-x509-ca-cert", "der": "application/x-x509-ca-cert", "pem": "application/x-pem-file",
	"p12": "application/x-pkcs12", "sig": "application/pgp-signature",
}
