package size

import (
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestParse(t *testing.T) {
	for text, want := range map[string]Size{
		"10MiB":   10 * MiB,
		"10 MiB":  10 * MiB,
		"10mib":   10 * MiB,
		"64M":     64_000_000,
		"10 MB":   10_000_000,
		"1.5GiB":  3 * GiB / 2,
		"5Gi":     5 * GiB,
		"5242880": 5 * MiB,
		"0":       0,
	} {
		if got, err := Parse(text); err != nil || got != want {
			t.Errorf("Parse(%q) = %d, %v; want %d", text, got, err, want)
		}
	}
}

func TestParseRefusesWithAnExample(t *testing.T) {
	for _, text := range []string{"", "ten", "10 XB", "-1", "-5MiB", "10MiB20", "MiB", "16EiB"} {
		_, err := Parse(text)
		if err == nil {
			t.Errorf("Parse(%q) gave no error", text)
			continue
		}
		if !strings.Contains(err.Error(), "10MiB") {
			t.Errorf("Parse(%q): the error gives no example: %v", text, err)
		}
	}
}

func TestStringIsShort(t *testing.T) {
	for s, want := range map[Size]string{
		10 * MiB:   "10 MiB",
		5 * GiB:    "5 GiB",
		64_000_000: "64 MB",
		0:          "0 B",
		5*MiB + 1:  "5242881 B",
	} {
		if got := s.String(); got != want {
			t.Errorf("%d prints as %q, want %q", int64(s), got, want)
		}
	}
}

func TestStringReadsBackExactly(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := Size(rapid.Int64Range(0, 1<<62).Draw(t, "size"))
		back, err := Parse(s.String())
		if err != nil || back != s {
			t.Fatalf("%d prints as %q, which reads as %d, %v", int64(s), s, int64(back), err)
		}
	})
}

func TestSetKeepsTheOldValueOnError(t *testing.T) {
	s := 7 * MiB
	if err := s.Set("nonsense"); err == nil || s != 7*MiB {
		t.Errorf("Set(nonsense): %v, value %v", err, s)
	}
	if err := s.Set("8MiB"); err != nil || s != 8*MiB {
		t.Errorf("Set(8MiB): %v, value %v", err, s)
	}
}
