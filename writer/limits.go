package writer

import "fmt"

// Limits of an S3 store. They are values, not constants, so that tests reach
// every boundary with few bytes.
type Limits struct {
	MaxParts      int32 // parts of one upload
	MinPart       int64 // bytes of every part but the last
	MaxPart       int64 // bytes of one part that is sent
	MaxCopy       int64 // bytes of one part that is copied, and of CopyObject
	MinCopySource int64 // UploadPartCopy takes ranges only of objects larger than this
	MaxObject     int64 // bytes of an object
}

// AmazonLimits are those of Amazon S3's user guide, "Amazon S3 multipart upload
// limits": 10,000 parts of 5 MiB to 5 GiB; objects of 48.8 TiB since December
// 2025.
var AmazonLimits = Limits{
	MaxParts:      10_000,
	MinPart:       5 << 20,
	MaxPart:       5 << 30,
	MaxCopy:       5 << 30,
	MinCopySource: 5 << 20,
	MaxObject:     10_000 * 5 << 30,
}

func (l Limits) check() error {
	if l.MaxParts < 2 || l.MinPart < 1 || l.MaxPart < l.MinPart || l.MaxCopy < 2*l.MinPart || l.MaxObject < l.MinPart {
		return fmt.Errorf("limits %+v contradict each other", l)
	}
	return nil
}

// partSize is the length in bytes that part number n of an upload should have.
//
// A tenth of the part numbers have the size the user set, so that files of up
// to 10 GB by default upload in equal parts. Then every further tenth doubles,
// so that an upload reaches far without a large file in the beginning holding
// much memory, up to the largest part of which four fit into memory. The last
// number takes whatever is left.
func (o Options) partSize(n int32) int64 {
	if o.UniformParts {
		return o.PartSize
	}
	if n >= o.Limits.MaxParts {
		return o.Limits.MaxPart
	}
	size, largest := o.PartSize, o.largestPart()
	for tenth := max(o.Limits.MaxParts/10, 1); n > tenth && size < largest; n -= tenth {
		size *= 2
	}
	return min(size, largest)
}

// sentSize is the length in bytes of part number n if it begins at offset start
// and is sent: the part size, less what lets the part end with a block, so that
// no block is in two parts.
func (o Options) sentSize(start int64, n int32) int64 {
	size := o.partSize(n)
	if over := (start + size) % o.BlockSize; !o.UniformParts && size-over >= o.Limits.MinPart {
		size -= over
	}
	return size
}

// largestPart is the largest part that leaves room for four in memory.
func (o Options) largestPart() int64 {
	quarter := o.Memory / 4
	return min(max(o.PartSize, quarter-quarter%o.BlockSize), o.Limits.MaxPart)
}

// maxFileSize is the largest file in bytes: that of the store, unless a file
// may be only one upload long.
func (o Options) maxFileSize() int64 {
	if !o.UniformParts && !o.Atomic {
		// One number is left for new bytes behind the copies of the old ones.
		return min(o.Limits.MaxObject, int64(o.Limits.MaxParts-1)*o.Limits.MaxCopy)
	}
	var sum int64
	for n := int32(1); n < o.Limits.MaxParts; n++ {
		sum += o.partSize(n)
	}
	return min(sum+o.PartSize, o.Limits.MaxObject)
}
