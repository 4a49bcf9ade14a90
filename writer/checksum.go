package writer

import (
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"math/bits"
	"slices"

	"github.com/minio/crc64nvme"
)

// Algorithm is a checksum that S3 can verify over a whole object although it
// arrived in parts, because the checksum of a concatenation follows from those
// of its pieces. The zero value is None.
type Algorithm uint8

// The algorithms, by S3's names (FULL_OBJECT checksum type).
const (
	None Algorithm = iota
	CRC64NVME
	CRC32C
	CRC32
)

var algorithmNames = []string{"none", "crc64nvme", "crc32c", "crc32"}

// castagnoli is CRC32C's table; the standard library uses the processor's
// instruction for it.
var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// ParseAlgorithm reads the name of an algorithm as String prints it.
func ParseAlgorithm(name string) (Algorithm, error) {
	if i := slices.Index(algorithmNames, name); i >= 0 {
		return Algorithm(i), nil
	}
	return None, fmt.Errorf("unknown checksum %q: use one of %v", name, algorithmNames)
}

func (a Algorithm) String() string { return algorithmNames[a] }

// Update gives the checksum of the bytes that sum stands for followed by p.
// The checksum of nothing is 0.
func (a Algorithm) Update(sum uint64, p []byte) uint64 {
	switch a {
	case CRC64NVME:
		return crc64nvme.Update(sum, p)
	case CRC32C:
		return uint64(crc32.Update(uint32(sum), castagnoli, p))
	case CRC32:
		return uint64(crc32.Update(uint32(sum), crc32.IEEETable, p))
	}
	return 0
}

// Combine gives the checksum of a concatenation from the checksums of its two
// pieces and the length of the second in bytes.
//
// A CRC is the remainder of a polynomial division, so appending n bytes
// multiplies what came before by x^(8n) modulo the polynomial: this is zlib's
// crc32_combine, by modular multiplication as in its version 1.2.12.
func (a Algorithm) Combine(first, second uint64, n int64) uint64 {
	if a == None {
		return 0
	}
	return a.multiply(a.power(n), first) ^ second
}

// poly is the generator polynomial in reflected (least significant bit first)
// order, and the number of its bits.
func (a Algorithm) poly() (poly uint64, width int) {
	switch a {
	case CRC64NVME:
		return 0x9a6c9329ac4bc9b5, 64 // crc-catalogue: CRC-64/NVME, reflected
	case CRC32C:
		return crc32.Castagnoli, 32
	default:
		return crc32.IEEE, 32
	}
}

// multiply gives p*q modulo the polynomial, both reflected.
func (a Algorithm) multiply(p, q uint64) uint64 {
	poly, width := a.poly()
	var product uint64
	for top := uint64(1) << (width - 1); p != 0; top >>= 1 {
		if p&top != 0 {
			product ^= q
			p &^= top
		}
		q = q>>1 ^ poly*(q&1)
	}
	return product
}

// squares[a][i] is x^(8 * 2^i) modulo a's polynomial.
var squares = func() (t [4][56]uint64) {
	for _, a := range []Algorithm{CRC64NVME, CRC32C, CRC32} {
		_, width := a.poly()
		x8 := uint64(1) << (width - 1 - 8) // x^8, reflected
		for i := range t[a] {
			t[a][i] = x8
			x8 = a.multiply(x8, x8)
		}
	}
	return t
}()

// power gives x^(8n) modulo the polynomial.
func (a Algorithm) power(n int64) uint64 {
	_, width := a.poly()
	result := uint64(1) << (width - 1) // x^0, reflected
	for m := uint64(n); m != 0; m &= m - 1 {
		result = a.multiply(squares[a][bits.TrailingZeros64(m)], result)
	}
	return result
}

// Checksum is the value of an algorithm over some bytes. The zero value says
// that nothing is known.
type Checksum struct {
	Algorithm Algorithm
	Value     uint64
}

// Base64 is the checksum as S3 writes it in headers: the big-endian value in
// base64.
func (c Checksum) Base64() string {
	switch c.Algorithm {
	case None:
		return ""
	case CRC64NVME:
		return base64.StdEncoding.EncodeToString(binary.BigEndian.AppendUint64(nil, c.Value))
	}
	return base64.StdEncoding.EncodeToString(binary.BigEndian.AppendUint32(nil, uint32(c.Value)))
}

// ParseChecksum reads a checksum as S3 writes it; an empty text is the zero
// Checksum.
func ParseChecksum(a Algorithm, text string) (Checksum, error) {
	if text == "" || a == None {
		return Checksum{}, nil
	}
	raw, err := base64.StdEncoding.DecodeString(text)
	switch {
	case err != nil:
		return Checksum{}, fmt.Errorf("checksum %q: %w", text, err)
	case a == CRC64NVME && len(raw) == 8:
		return Checksum{a, binary.BigEndian.Uint64(raw)}, nil
	case a != CRC64NVME && len(raw) == 4:
		return Checksum{a, uint64(binary.BigEndian.Uint32(raw))}, nil
	}
	return Checksum{}, fmt.Errorf("checksum %q: %d bytes are not a %v", text, len(raw), a)
}
