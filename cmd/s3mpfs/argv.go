package main

import (
	"errors"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"
)

// commandLine turns a command line in mount(8)'s way into one of ours; any other
// it gives back as it is:
//
//	mount.s3mpfs BUCKET MOUNTPOINT [-sfnv] [-N namespace] [-t type] [-o options]
//	s3mpfs BUCKET MOUNTPOINT -o options
//	umount.s3mpfs MOUNTPOINT [-flnrv] [-N namespace] [-t type]
//
// The first is how mount(8) calls its helpers, the second how mount.fuse3 does,
// the third how umount(8) calls its own.
func commandLine(root *cobra.Command, argv []string) (args []string, err error) {
	name, args := filepath.Base(argv[0]), argv[1:]
	switch {
	case isHelper(name, "mount"):
		return helperArgs(args)
	case isHelper(name, "umount"):
		return append([]string{umount8}, args...), nil
	case len(args) > 2 && !strings.HasPrefix(args[0], "-") && slices.ContainsFunc(args, isOptions) && !isCommand(root, args[0]):
		return append([]string{"mount"}, args...), nil
	}
	return args, nil
}

// isHelper tells whether name is one by which mount(8) or umount(8) finds this
// program.
func isHelper(name, of string) bool {
	return name == of+".s3mpfs" || strings.HasPrefix(name, of+".fuse") && strings.HasSuffix(name, ".s3mpfs")
}

func isOptions(arg string) bool { return strings.HasPrefix(arg, "-o") }

// cobrasOwn are commands that cobra adds once it runs.
var cobrasOwn = wordSet("help completion __complete __completeNoDesc")

func isCommand(root *cobra.Command, name string) bool {
	found, _, err := root.Find([]string{name})
	return err == nil && found != root || cobrasOwn[name]
}

// helperArgs reads the arguments of a helper of mount(8). Of its flags, those
// that matter only to the table of mounts or the verbosity of others are left
// out. A fake mount (-f) is none at all.
func helperArgs(args []string) ([]string, error) {
	mount := []string{"mount"}
	for i := 0; i < len(args); i++ {
		switch arg := args[i]; {
		case arg == "-o" && i+1 < len(args):
			mount = append(mount, "--"+optionsFlag, args[i+1])
			i++
		case (arg == "-t" || arg == "-N") && i+1 < len(args):
			i++
		case arg == "--help" || arg == "-h":
			return []string{"mount", "--help"}, nil
		case len(arg) > 1 && strings.Trim(arg[1:], "snv") == "" && arg[0] == '-':
		case arg == "-f":
			return nil, errFake
		case strings.HasPrefix(arg, "-"):
			return nil, withCode(exitUsage, errors.New(arg+" is no flag of mount(8)'s helpers: write -o with options"))
		default:
			mount = append(mount, arg)
		}
	}
	return mount, nil
}

// errFake: mount(8) asked only to pretend.
var errFake = errors.New("nothing is mounted")
