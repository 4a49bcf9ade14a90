package main

import (
	"fmt"

	"github.com/spf13/cobra"
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
		SilenceErrors: true, // main prints them, once
		SilenceUsage:  true,
	}
	root.AddCommand(newMountCommand(), newUmountCommand(), newStatusCommand(), newVersionCommand())
	root.SetFlagErrorFunc(usageError)
	return root
}

// usageError marks a wrong flag or argument and tells where help is.
func usageError(c *cobra.Command, err error) error {
	return withCode(exitUsage, fmt.Errorf("%w\nRun '%s --help' for usage.", err, c.CommandPath()))
}

// exactArgs wants the arguments that are named in a command's usage line.
func exactArgs(names ...string) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		switch {
		case len(args) < len(names):
			return usageError(c, fmt.Errorf("%s is missing", names[len(args)]))
		case len(args) > len(names):
			return usageError(c, fmt.Errorf("%q is one argument too many", args[len(names)]))
		}
		return nil
	}
}
