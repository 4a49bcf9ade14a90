package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

func newRootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:   "s3mpfs",
		Short: "Mount an S3 bucket as a file system for writing",
		Long: `s3mpfs mounts an S3 bucket as a file system whose purpose is writing: every file
becomes a multipart upload, parts leave while the program is still writing, memory
stays bounded whatever the file's size, and close tells whether the object exists.

Exit codes of every command:
` + exitHelp(),
		Version:       version(),
		Args:          knownCommand,
		RunE:          func(c *cobra.Command, _ []string) error { return c.Help() },
		SilenceErrors: true, // main prints them, once
		SilenceUsage:  true,
	}
	root.AddCommand(newMountCommand(), newUmountCommand(), newStatusCommand(), newUploadsCommand(), newVersionCommand(), newManCommand(), newUmount8Command())
	root.SetFlagErrorFunc(flagError)
	return root
}

// flagError is usageError for a flag that cannot be read.
func flagError(c *cobra.Command, err error) error {
	var wrong *pflag.InvalidValueError
	if errors.As(err, &wrong) {
		err = fmt.Errorf("invalid argument %q for %q flag: %w", wrong.GetValue(), "--"+wrong.GetFlag().Name, valueError(wrong.GetFlag(), wrong.Unwrap()))
	}
	return usageError(c, err)
}

// valueError says how a flag's value is written, where Go's own error would not.
func valueError(flag *pflag.Flag, err error) error {
	switch flag.Value.Type() {
	case "duration":
		return errors.New("write for example 90s, 10m or 24h")
	case "int":
		return fmt.Errorf("write a whole number, such as %s", flag.DefValue)
	case "bool":
		return errors.New("write true or false, or the flag alone")
	}
	return err
}

// usageError marks a wrong flag or argument and tells where help is.
func usageError(c *cobra.Command, err error) error {
	return withCode(exitUsage, fmt.Errorf("%w\nsee '%s --help'", err, c.CommandPath()))
}

// knownCommand refuses what is no sub-command, and tells which is like it.
func knownCommand(c *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	err := fmt.Errorf("unknown command %q", args[0])
	c.SuggestionsMinimumDistance = 2 // as cobra has it where it suggests by itself
	if alike := c.SuggestionsFor(args[0]); len(alike) > 0 {
		err = fmt.Errorf("%w: did you mean %s?", err, strings.Join(alike, " or "))
	}
	return usageError(c, err)
}

// maxArgs allows up to n arguments.
func maxArgs(n int) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		if len(args) > n {
			return usageError(c, fmt.Errorf("%q is one argument too many", args[n]))
		}
		return nil
	}
}

// exactArgs wants the arguments that are named in a command's usage line.
func exactArgs(names ...string) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		if len(args) < len(names) {
			return usageError(c, fmt.Errorf("%s is missing", names[len(args)]))
		}
		return maxArgs(len(names))(c, args)
	}
}
