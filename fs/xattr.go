package fs

import (
	"context"
	"encoding/base64"
	"maps"
	"slices"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/s3mpfs/s3mpfs/writer"
)

// An extended attribute user.NAME is the user metadata NAME of the object. What
// S3 cannot hold is written so that it can: a name's bytes other than small
// letters, digits and ._- as %XX, a value that is not plain ASCII as 0s and
// base64, which is how getfattr shows it too. user.s3.* are what S3 itself
// tells of the object; they are not listed, since they are not copied with it.
const (
	userPrefix  = "user."
	s3Prefix    = "user.s3."
	typeXattr   = s3Prefix + "content-type"
	binaryMark  = "0s"
	maxMetadata = 2048 // bytes of all names and values, "Working with object metadata" in S3's user guide
	// reservedMetadata is for the attributes of posix and the mark of an
	// object that must not exist yet, see writer.Upload.
	reservedMetadata = 160
)

// Setxattr says that directories have no extended attributes, which cp -a and
// rsync take quietly.
func (d *dir) Setxattr(context.Context, string, []byte, uint32) syscall.Errno {
	return syscall.ENOTSUP
}

// Getxattr gives an attribute. Nobody asks S3 for any but those of users.
func (f *file) Getxattr(_ context.Context, name string, dest []byte) (uint32, syscall.Errno) {
	if !strings.HasPrefix(name, userPrefix) {
		return 0, unix.ENODATA
	}
	if err := f.ask(); err != nil {
		return 0, f.fail("getxattr", stale(err))
	}
	var value string
	var ok bool
	if strings.HasPrefix(name, s3Prefix) {
		value, ok = f.s3Attribute(strings.TrimPrefix(name, s3Prefix))
	} else if key, free := metadataKey(name); free {
		value, ok = f.attributes().Metadata[key]
		value = decodeValue(value)
	}
	if !ok {
		return 0, unix.ENODATA
	}
	return give(dest, value)
}

func give(dest []byte, value string) (uint32, syscall.Errno) {
	if len(dest) < len(value) {
		return uint32(len(value)), unix.ERANGE // which is how to learn the size
	}
	return uint32(copy(dest, value)), 0
}

// ask makes the object's attributes known.
func (f *file) ask() error {
	if !f.exists() {
		return nil
	}
	object, err := f.base()
	if err == nil {
		f.accept(object)
	}
	return err
}

// s3Attribute is what S3 tells of the object, or will be told.
func (f *file) s3Attribute(name string) (value string, ok bool) {
	if name == "content-type" {
		return f.attributes().ContentType, true
	}
	f.mu.Lock()
	o := f.object
	f.mu.Unlock()
	switch {
	case o.Key == "":
		return "", false
	case name == "storage-class" && o.StorageClass == "": // S3 does not mention it
		return "STANDARD", true
	case strings.HasPrefix(name, "checksum-"):
		known := o.Checksum.Algorithm != writer.None && name == "checksum-"+o.Checksum.Algorithm.String()
		return o.Checksum.Base64(), known
	}
	value = map[string]string{"etag": o.ETag, "storage-class": o.StorageClass, "version-id": o.VersionID}[name]
	return value, value != ""
}

// Setxattr sets an attribute. With the next version it costs nothing, else see
// setLater.
func (f *file) Setxattr(_ context.Context, name string, value []byte, flags uint32) syscall.Errno {
	if errno := f.mayChange(name); errno != 0 {
		return errno
	}
	if err := f.ask(); err != nil {
		return f.fail("setxattr", stale(err))
	}
	if name == typeXattr {
		return f.setContentType(string(value))
	}
	key, _ := metadataKey(name)
	a := f.attributes()
	_, there := a.Metadata[key]
	switch {
	case flags&unix.XATTR_CREATE != 0 && there:
		return syscall.EEXIST
	case flags&unix.XATTR_REPLACE != 0 && !there:
		return unix.ENODATA
	}
	text := encodeValue(value)
	a.Metadata[key] = text
	if metadataSize(a.Metadata)+reservedMetadata+f.tree.o.MetadataReserved > maxMetadata {
		return syscall.ENOSPC
	}
	f.mu.Lock()
	f.changes.set(key, text)
	f.mu.Unlock()
	f.setLater()
	return 0
}

func (f *file) setContentType(text string) syscall.Errno {
	if text = strings.TrimRight(text, "\x00"); text == "" || !printable(text) || len(text) > 256 {
		return syscall.EINVAL
	}
	f.mu.Lock()
	f.changes.contentType = text
	f.mu.Unlock()
	f.setLater()
	return 0
}

// mayChange tells why an attribute cannot be set or removed.
func (f *file) mayChange(name string) syscall.Errno {
	_, free := metadataKey(name)
	switch {
	case f.tree.o.ReadOnly:
		return syscall.EROFS
	case !strings.HasPrefix(name, userPrefix):
		return syscall.ENOTSUP
	case name == typeXattr:
		return 0
	case strings.HasPrefix(name, s3Prefix) || !free:
		return syscall.EPERM
	}
	return 0
}

// Removexattr removes an attribute; an object is never without a content type.
func (f *file) Removexattr(_ context.Context, name string) syscall.Errno {
	if errno := f.mayChange(name); errno != 0 {
		return errno
	}
	if name == typeXattr {
		return syscall.EPERM
	}
	if err := f.ask(); err != nil {
		return f.fail("removexattr", stale(err))
	}
	key, _ := metadataKey(name)
	if _, there := f.attributes().Metadata[key]; !there {
		return unix.ENODATA
	}
	f.mu.Lock()
	f.changes.set(key, "")
	f.mu.Unlock()
	f.setLater()
	return 0
}

// Listxattr names the attributes, without asking S3 about objects of which a
// listing says that they have none.
func (f *file) Listxattr(_ context.Context, dest []byte) (uint32, syscall.Errno) {
	f.mu.Lock()
	plain := f.tree.plain(f.object) && len(f.changes.metadata) == 0
	f.mu.Unlock()
	if plain {
		return 0, 0
	}
	if err := f.ask(); err != nil {
		return 0, f.fail("listxattr", stale(err))
	}
	var names strings.Builder
	for _, key := range slices.Sorted(maps.Keys(f.attributes().Metadata)) {
		name := userPrefix + decodeName(key)
		if back, free := metadataKey(name); free && back == key && !strings.HasPrefix(name, s3Prefix) {
			names.WriteString(name + "\x00")
		}
	}
	return give(dest, names.String())
}

// metadataKey gives the metadata for an attribute of a user. It is not free
// where posix has it.
func metadataKey(name string) (key string, free bool) {
	var b strings.Builder
	for _, c := range []byte(strings.TrimPrefix(name, userPrefix)) {
		if c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || strings.IndexByte("._-", c) >= 0 {
			b.WriteByte(c)
		} else {
			b.WriteByte('%')
			b.WriteByte(hex[c>>4])
			b.WriteByte(hex[c&15])
		}
	}
	key = b.String()
	return key, key != "" && !slices.Contains([]string{timeKey, modeKey, uidKey, gidKey}, key)
}

const hex = "0123456789abcdef"

// decodeName undoes metadataKey.
func decodeName(key string) string {
	var b strings.Builder
	for i := 0; i < len(key); i++ {
		if key[i] == '%' && i+2 < len(key) {
			high, low := strings.IndexByte(hex, key[i+1]), strings.IndexByte(hex, key[i+2])
			if high >= 0 && low >= 0 {
				b.WriteByte(byte(high<<4 | low))
				i += 2
				continue
			}
		}
		b.WriteByte(key[i])
	}
	return b.String()
}

// encodeValue writes a value as text that HTTP leaves alone.
func encodeValue(value []byte) string {
	text := string(value)
	if text != "" && printable(text) && strings.TrimSpace(text) == text && !strings.HasPrefix(text, binaryMark) {
		return text
	}
	return binaryMark + base64.StdEncoding.EncodeToString(value)
}

func decodeValue(text string) string {
	if encoded, ok := strings.CutPrefix(text, binaryMark); ok {
		if value, err := base64.StdEncoding.DecodeString(encoded); err == nil {
			return string(value)
		}
	}
	return text
}

func printable(text string) bool {
	return strings.IndexFunc(text, func(r rune) bool { return r < ' ' || r > '~' }) < 0
}

func metadataSize(m map[string]string) (bytes int) {
	for key, value := range m {
		if _, free := metadataKey(userPrefix + key); free {
			bytes += len(key) + len(value)
		}
	}
	return bytes
}
