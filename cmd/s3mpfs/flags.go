package main

import (
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/s3mpfs/s3mpfs/writer"
)

// flagGroup is a group of flags under a title in --help and README.
type flagGroup struct {
	title string
	*pflag.FlagSet
}

func newFlagGroup(title string) flagGroup {
	g := flagGroup{title, pflag.NewFlagSet(title, pflag.ContinueOnError)}
	g.SortFlags = false // the order here is the order of importance
	return g
}

// flagGroups are all flags of a mount, which write into s.
func (s *settings) flagGroups() []flagGroup {
	return []flagGroup{
		s.mountFlags(), s.s3Flags(), s.objectFlags(), s.performanceFlags(), s.fileFlags(), s.watchFlags(),
	}
}

// optionsFlag is the one flag that is no option of /etc/fstab.
const optionsFlag = "options"

func (s *settings) mountFlags() flagGroup {
	f := newFlagGroup("Mount")
	f.BoolVarP(&s.foreground, "foreground", "f", false, "stay in the foreground, log to stderr")
	f.StringArrayVarP(&s.options, optionsFlag, "o", nil, "`options` as in /etc/fstab: ro, and flags such as allow_other,part_size=32MiB")
	f.BoolVar(&s.readOnly, "read-only", false, "refuse every change")
	f.BoolVar(&s.allowOther, "allow-other", false, "let other users see the mount, as far as the modes allow")
	f.DurationVar(&s.abortStale, "abort-stale", 0, "abort uploads under the mounted prefix that began so long ago, whoever began them, and delete copies of removed files of that age; 0 for none")
	return f
}

func (s *settings) s3Flags() flagGroup {
	f := newFlagGroup("S3")
	f.StringVar(&s.endpointURL, "endpoint-url", "", "`URL` of a store that is not AWS, such as https://minio.example:9000")
	f.StringVar(&s.region, "region", "", "the bucket's `region` (default: from the AWS configuration)")
	f.StringVar(&s.profile, "profile", "", "`profile` of ~/.aws/config and ~/.aws/credentials")
	f.BoolVar(&s.noSignRequest, "no-sign-request", false, "send requests without credentials (public buckets)")
	f.BoolVar(&s.forcePathStyle, "force-path-style", false, "put the bucket into the URL's path, not its host (by itself with --endpoint-url, unless that is AWS)")
	f.BoolVar(&s.requesterPays, "requester-pays", false, "agree to pay for requests to a requester-pays bucket")
	f.StringVar(&s.expectedBucketOwner, "expected-bucket-owner", "", "refuse the bucket unless it belongs to this `account` (12 digits)")
	return f
}

func (s *settings) objectFlags() flagGroup {
	f := newFlagGroup("Objects")
	f.Var(choice(&s.acl, names(types.ObjectCannedACL("").Values())...), "acl", "canned ACL of new objects, such as bucket-owner-full-control")
	f.StringVar(&s.contentType, "content-type", "", "content `type` of new objects (default: by the name's extension)")
	f.StringVar(&s.storageClass, "storage-class", "", "storage `class` of new objects, such as STANDARD_IA")
	f.Var(choice(&s.sse, "AES256", "aws:kms", "aws:kms:dsse"), "sse", "server-side encryption of new objects")
	f.StringVar(&s.sseKMSKeyID, "sse-kms-key-id", "", "`key` of --sse aws:kms")
	f.StringVar(&s.cacheControl, "cache-control", "", "Cache-Control `value` of new objects")
	f.Var(&s.metadata, "metadata", "user metadata of new objects (repeatable)")
	f.Var(&s.tagging, "tagging", "tag of new objects (repeatable)")
	return f
}

func (s *settings) performanceFlags() flagGroup {
	f := newFlagGroup("Performance")
	f.Var(&s.partSize, "part-size", "size of a file's first parts; later ones grow")
	f.Var(&s.memory, "memory", "most memory for file content, of all files together")
	f.IntVar(&s.maxConcurrency, "max-concurrency", s.maxConcurrency, "most `requests` with content at the same time; how many is found by trying")
	f.Var(choice(&s.checksum, checksums()...), "checksum", "checksum that S3 verifies for every part and object")
	f.BoolVar(&s.uniformParts, "uniform-parts", false, "never let parts grow, for stores that want equal ones (by itself for Cloudflare R2)")
	f.DurationVar(&s.retryTimeout, "retry-timeout", s.retryTimeout, "how long a failing request is tried again before its file fails")
	return f
}

func (s *settings) fileFlags() flagGroup {
	f := newFlagGroup("Files")
	f.Var(&owner{&s.uid, userID}, "uid", "`user` that owns every file, by ID or name (default: you)")
	f.Var(&owner{&s.gid, groupID}, "gid", "`group` that owns every file, by ID or name (default: yours)")
	for _, name := range []string{"uid", "gid"} {
		f.Lookup(name).DefValue = "" // another for each user; a manual page is made by one
	}
	f.Var(&s.fileMode, "file-mode", "permissions of files")
	f.Var(&s.dirMode, "dir-mode", "permissions of folders")
	f.Var(choice(&s.preserve, "all", "times", "none"), "preserve", "keep modes, owners, times and symbolic links in S3, or times only, or none")
	f.BoolVar(&s.foreignAttributes, "foreign-attributes", false, "show those that rclone, s3fs and others stored, too; asks S3 about each name")
	f.DurationVar(&s.metadataTTL, "metadata-ttl", s.metadataTTL, "how long names and sizes from S3 may be remembered; 0 for never")
	f.IntVar(&s.renameDirLimit, "rename-dir-limit", s.renameDirLimit, "most `objects` that renaming a folder moves; beyond, mv copies")
	f.Var(&s.maxHole, "max-hole", "how far beyond its end a file may be written")
	f.BoolVar(&s.atomic, "atomic", false, "never show a file before it is closed; refuse what would need that")
	f.Var(choice(&s.onKill, "publish", "park", "abort"), "on-kill", "what becomes of a file whose writer is killed")
	f.BoolVar(&s.writeBehind, "write-behind", s.writeBehind, "let close return before S3 has the file; fsync and umount wait, and tell what failed")
	f.Var(choice(&s.fsync, "publish", "upload"), "fsync", "what fsync does: publish the file, or only send it")
	return f
}

func (s *settings) watchFlags() flagGroup {
	f := newFlagGroup("Watching")
	f.Var(choice(&s.logLevel, "debug", "info", "warn", "error"), "log-level", "least level that is logged")
	f.Var(choice(&s.logFormat, "text", "json"), "log-format", "format of the log")
	f.StringVar(&s.logFile, "log-file", "", "append the log to this `file` (default: stderr in the foreground, else syslog)")
	f.StringVar(&s.metricsAddr, "metrics-addr", "", "serve Prometheus metrics and /healthz on this `address`, such as :9105 (on the loopback, unless it names another)")
	f.StringVar(&s.pprofAddr, "pprof-addr", "", "serve Go profiles on this loopback `address`, such as 127.0.0.1:6060")
	return f
}

// names turns the constants of an enumeration into text.
func names[T ~string](values []T) []string {
	var texts []string
	for _, v := range values {
		texts = append(texts, string(v))
	}
	return texts
}

func checksums() []string {
	var names []string
	for _, a := range []writer.Algorithm{writer.CRC64NVME, writer.CRC32C, writer.CRC32, writer.None} {
		names = append(names, a.String())
	}
	return names
}

// addFlagGroups gives c the flags of groups, --help under their titles and
// completion of the values of choices.
func addFlagGroups(c *cobra.Command, groups []flagGroup) {
	for _, group := range groups {
		c.Flags().AddFlagSet(group.FlagSet)
		group.VisitAll(func(flag *pflag.Flag) {
			if one, ok := flag.Value.(*choiceValue); ok {
				// It fails only for a flag that is not there or named twice.
				_ = c.RegisterFlagCompletionFunc(flag.Name, cobra.FixedCompletions(one.allowed, cobra.ShellCompDirectiveNoFileComp))
			}
		})
	}
	c.SetUsageFunc(func(c *cobra.Command) error {
		_, err := fmt.Fprint(c.OutOrStderr(), groupedUsage(c, groups))
		return err
	})
}

func groupedUsage(c *cobra.Command, groups []flagGroup) string {
	var b strings.Builder
	fmt.Fprintf(&b, "Usage:\n  %s\n\nExamples:\n%s\n", c.UseLine(), c.Example)
	for _, group := range groups {
		fmt.Fprintf(&b, "\n%s:\n%s", group.title, group.FlagUsagesWrapped(100))
	}
	return b.String()
}
