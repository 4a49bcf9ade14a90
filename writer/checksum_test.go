package writer

import (
	"bytes"
	"testing"

	"pgregory.net/rapid"
)

// The check values are those of the CRC catalogue over "123456789".
func TestAlgorithmsMatchTheCatalogue(t *testing.T) {
	for a, want := range map[Algorithm]uint64{
		CRC64NVME: 0xae8b14860a799888,
		CRC32C:    0xe3069283,
		CRC32:     0xcbf43926,
		None:      0,
	} {
		if got := a.Update(0, []byte("123456789")); got != want {
			t.Errorf("%v: %#x, want %#x", a, got, want)
		}
	}
}

func TestCombineEqualsTheChecksumOfTheConcatenation(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a := rapid.SampledFrom([]Algorithm{CRC64NVME, CRC32C, CRC32}).Draw(t, "algorithm")
		first := rapid.SliceOfN(rapid.Byte(), 0, 300).Draw(t, "first")
		second := rapid.SliceOfN(rapid.Byte(), 0, 300).Draw(t, "second")
		got := a.Combine(a.Update(0, first), a.Update(0, second), int64(len(second)))
		want := a.Update(0, append(bytes.Clone(first), second...))
		if got != want {
			t.Fatalf("%v: %#x, want %#x", a, got, want)
		}
	})
}

func TestCombineOverManyBytes(t *testing.T) {
	zeros := make([]byte, 3<<20+5)
	for _, a := range []Algorithm{CRC64NVME, CRC32C, CRC32} {
		first := a.Update(0, []byte("head"))
		if got, want := a.Combine(first, a.Update(0, zeros), int64(len(zeros))), a.Update(first, zeros); got != want {
			t.Errorf("%v: %#x, want %#x", a, got, want)
		}
	}
}

func TestChecksumRoundTrip(t *testing.T) {
	for _, a := range []Algorithm{CRC64NVME, CRC32C, CRC32} {
		c := Checksum{a, a.Update(0, []byte("some bytes"))}
		if got, err := ParseChecksum(a, c.Base64()); err != nil || got != c {
			t.Errorf("%v: %v, %v", a, got, err)
		}
		if got, err := ParseAlgorithm(a.String()); err != nil || got != a {
			t.Errorf("%v: %v, %v", a, got, err)
		}
	}
	if _, err := ParseChecksum(CRC64NVME, "AAAA"); err == nil {
		t.Error("a short CRC64NVME was taken")
	}
}
