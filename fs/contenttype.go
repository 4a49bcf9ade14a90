package fs

import (
	"path"
	"strings"
)

// contentTypes are the media types of the IANA registry, or the ones in common
// use, by extension. The table is the program's own, so that an object has the
// same type whichever machine wrote it.
var contentTypes = map[string]string{
	// video
	".3gp": "video/3gpp", ".avi": "video/x-msvideo", ".flv": "video/x-flv",
	".m2ts": "video/mp2t", ".m4s": "video/iso.segment", ".m4v": "video/x-m4v",
	".mkv": "video/x-matroska", ".mov": "video/quicktime", ".mp4": "video/mp4",
	".mpeg": "video/mpeg", ".mpg": "video/mpeg", ".mts": "video/mp2t",
	".mxf": "application/mxf", ".ogv": "video/ogg", ".ts": "video/mp2t",
	".webm": "video/webm", ".wmv": "video/x-ms-wmv",
	".m3u8": "application/vnd.apple.mpegurl", ".mpd": "application/dash+xml",
	// audio
	".aac": "audio/aac", ".aif": "audio/aiff", ".aiff": "audio/aiff",
	".flac": "audio/flac", ".m4a": "audio/mp4", ".mid": "audio/midi",
	".mka": "audio/x-matroska", ".mp3": "audio/mpeg", ".oga": "audio/ogg",
	".ogg": "audio/ogg", ".opus": "audio/ogg", ".wav": "audio/wav",
	".wma": "audio/x-ms-wma",
	// images
	".avif": "image/avif", ".bmp": "image/bmp", ".dng": "image/x-adobe-dng",
	".gif": "image/gif", ".heic": "image/heic", ".ico": "image/vnd.microsoft.icon",
	".jpeg": "image/jpeg", ".jpg": "image/jpeg", ".jxl": "image/jxl",
	".png": "image/png", ".psd": "image/vnd.adobe.photoshop", ".svg": "image/svg+xml",
	".tif": "image/tiff", ".tiff": "image/tiff", ".webp": "image/webp",
	// text and the web
	".css": "text/css", ".csv": "text/csv", ".htm": "text/html", ".html": "text/html",
	".ics": "text/calendar", ".js": "text/javascript", ".json": "application/json",
	".jsonl": "application/jsonl", ".ndjson": "application/x-ndjson",
	".log": "text/plain", ".md": "text/markdown", ".mjs": "text/javascript",
	".rtf": "application/rtf", ".srt": "application/x-subrip", ".toml": "application/toml",
	".tsv": "text/tab-separated-values", ".txt": "text/plain", ".vtt": "text/vtt",
	".wasm": "application/wasm", ".xhtml": "application/xhtml+xml",
	".xml": "application/xml", ".yaml": "application/yaml", ".yml": "application/yaml",
	".woff": "font/woff", ".woff2": "font/woff2", ".ttf": "font/ttf", ".otf": "font/otf",
	// documents
	".doc": "application/msword", ".epub": "application/epub+zip",
	".docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
	".odp":  "application/vnd.oasis.opendocument.presentation",
	".ods":  "application/vnd.oasis.opendocument.spreadsheet",
	".odt":  "application/vnd.oasis.opendocument.text",
	".pdf":  "application/pdf", ".ppt": "application/vnd.ms-powerpoint",
	".pptx": "application/vnd.openxmlformats-officedocument.presentationml.presentation",
	".ps":   "application/postscript", ".xls": "application/vnd.ms-excel",
	".xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
	// archives and packages
	".7z": "application/x-7z-compressed", ".bz2": "application/x-bzip2",
	".deb": "application/vnd.debian.binary-package", ".gz": "application/gzip",
	".iso": "application/x-iso9660-image", ".jar": "application/java-archive",
	".rar": "application/vnd.rar", ".rpm": "application/x-rpm",
	".tar": "application/x-tar", ".tgz": "application/gzip", ".xz": "application/x-xz",
	".zip": "application/zip", ".zst": "application/zstd",
	// data
	".avro": "application/vnd.apache.avro", ".h5": "application/x-hdf5",
	".hdf5": "application/x-hdf5", ".nc": "application/x-netcdf",
	".parquet": "application/vnd.apache.parquet", ".pcap": "application/vnd.tcpdump.pcap",
	".sqlite": "application/vnd.sqlite3", ".sqlite3": "application/vnd.sqlite3",
}

// contentTypeOf is the type for the extension of key, or the type for bytes of
// which nothing is known.
func contentTypeOf(key string) string {
	if t, ok := contentTypes[strings.ToLower(path.Ext(key))]; ok {
		return t
	}
	return "application/octet-stream"
}
