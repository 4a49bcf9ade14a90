package main

import (
	"fmt"
	"maps"
	"os/user"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/pflag"
)

// choiceValue is a flag whose value is one of a few words.
type choiceValue struct {
	value   *string
	allowed []string
}

// shownChoices is how many words --help lists in a flag's place for the value.
const shownChoices = 4

var _ pflag.Value = (*choiceValue)(nil)

func choice(value *string, allowed ...string) *choiceValue { return &choiceValue{value, allowed} }

func (c *choiceValue) String() string { return *c.value }

// Type is what --help calls the value: the words, or "name" if they are many.
func (c *choiceValue) Type() string {
	if len(c.allowed) > shownChoices {
		return "name"
	}
	return strings.Join(c.allowed, "|")
}

func (c *choiceValue) Set(text string) error {
	if !slices.Contains(c.allowed, text) {
		return fmt.Errorf("use one of %s", strings.Join(c.allowed, ", "))
	}
	*c.value = text
	return nil
}

// pairs is a repeatable flag of the form key=value.
type pairs map[string]string

var _ pflag.Value = (*pairs)(nil)

func (p *pairs) Type() string { return "key=value" }

func (p *pairs) Set(text string) error {
	key, value, ok := strings.Cut(text, "=")
	if !ok || key == "" {
		return fmt.Errorf("write it as key=value, as in project=film")
	}
	if _, twice := (*p)[key]; twice {
		return fmt.Errorf("%s is given twice: give it once", key)
	}
	(*p)[key] = value
	return nil
}

// bytes is how much of S3's room for user metadata the pairs take.
func (p *pairs) bytes() (n int) {
	for key, value := range *p {
		n += len(key) + len(value)
	}
	return n
}

func (p *pairs) String() string {
	var texts []string
	for _, key := range slices.Sorted(maps.Keys(*p)) {
		texts = append(texts, key+"="+(*p)[key])
	}
	return strings.Join(texts, ",")
}

// mode is a flag of permission bits, written as chmod takes them.
type mode uint32

var _ pflag.Value = (*mode)(nil)

func (m *mode) String() string { return fmt.Sprintf("%04o", uint32(*m)) }
func (m *mode) Type() string   { return "octal" }

func (m *mode) Set(text string) error {
	bits, err := strconv.ParseUint(text, 8, 32)
	if err != nil || bits > 0o777 {
		return fmt.Errorf("write permissions in octal, as in 0644")
	}
	*m = mode(bits)
	return nil
}

// owner is a flag of a user or group, by number or by name.
type owner struct {
	id   *uint32
	find func(name string) (string, error)
}

var _ pflag.Value = (*owner)(nil)

func (o *owner) String() string {
	if o.id == nil { // as pflag makes one, to see what is a default
		return ""
	}
	return strconv.FormatUint(uint64(*o.id), 10)
}

func (o *owner) Type() string { return "name" }

func (o *owner) Set(text string) error {
	number := text
	if found, err := o.find(text); err == nil {
		number = found
	}
	id, err := strconv.ParseUint(number, 10, 32)
	if err != nil {
		return fmt.Errorf("this machine knows no such name: write a number, such as 1000, or a name that 'getent' finds")
	}
	*o.id = uint32(id)
	return nil
}

func userID(name string) (string, error) {
	u, err := user.Lookup(name)
	if err != nil {
		return "", err
	}
	return u.Uid, nil
}

func groupID(name string) (string, error) {
	g, err := user.LookupGroup(name)
	if err != nil {
		return "", err
	}
	return g.Gid, nil
}
