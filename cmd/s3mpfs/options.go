package main

import (
	"fmt"
	"strings"

	"github.com/spf13/pflag"
)

// ignoredOptions are what mount(8), fstab(5) and systemd.mount(5) use among
// themselves or pass on to everybody, and what always holds here: set-user-ID
// bits and device nodes never have an effect on a mount of ours, times of
// access are not kept.
var ignoredOptions = wordSet(`defaults rw auto noauto nofail user users nouser owner group _netdev async
	suid nosuid dev nodev exec loud silent mand nomand default_permissions
	atime noatime diratime nodiratime relatime norelatime strictatime nostrictatime lazytime nolazytime`)

func wordSet(words string) map[string]bool {
	set := map[string]bool{}
	for _, w := range strings.Fields(words) {
		set[w] = true
	}
	return set
}

// ignored tells whether an option is for others.
func ignored(name string) bool {
	return ignoredOptions[name] || name == "comment" || strings.HasPrefix(name, "x-") || strings.HasPrefix(name, "X-")
}

// applyOptions reads options as they are in /etc/fstab: words of mount(8), and
// every flag by its long name, with hyphens or underscores.
func (s *settings) applyOptions(flags *pflag.FlagSet, lists []string) error {
	for _, list := range lists {
		for _, option := range splitOptions(list) {
			name, value, hasValue := strings.Cut(option, "=")
			if err := s.applyOption(flags, name, value, hasValue); err != nil {
				return fmt.Errorf("-o %s: %w", name, err)
			}
		}
	}
	return nil
}

func (s *settings) applyOption(flags *pflag.FlagSet, name, value string, hasValue bool) error {
	switch {
	case ignored(name):
		return nil
	case name == "ro":
		s.readOnly = true
		return nil
	case name == "noexec":
		s.noExec = true
		return nil
	}
	flag := flags.Lookup(strings.ReplaceAll(name, "_", "-"))
	switch {
	case flag == nil || flag.Name == "help" || flag.Name == optionsFlag:
		return fmt.Errorf("there is no such option")
	case !hasValue && flag.NoOptDefVal == "":
		return fmt.Errorf("write it with a value, as %s=%s", name, flag.Value.Type())
	case !hasValue:
		value = flag.NoOptDefVal
	}
	if err := flag.Value.Set(value); err != nil {
		return valueError(flag, err)
	}
	return nil
}

// splitOptions splits at commas that are not within quotation marks, which are
// left out.
func splitOptions(list string) (options []string) {
	var one strings.Builder
	quoted := false
	for _, c := range []byte(list + ",") {
		switch {
		case c == '"':
			quoted = !quoted
		case c == ',' && !quoted:
			if one.Len() > 0 {
				options = append(options, one.String())
			}
			one.Reset()
		default:
			one.WriteByte(c)
		}
	}
	if rest := strings.TrimSuffix(one.String(), ","); rest != "" {
		options = append(options, rest) // a quotation mark without its partner
	}
	return options
}
