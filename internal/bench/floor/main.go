// Command floor shows what the machine can do, for benchmarks to compare the
// mount with.
//
// Its mount is the bare joint of go-fuse and the SDK: direct I/O, one copy of
// each byte into a part, the part's CRC64NVME, an unsigned payload, some parts
// in flight. It has no namespace beyond the names it was told, takes writes in
// order only, and ends the process where a request fails. Its get and put are
// plain parallel requests without any mount.
//
//	floor [flags] mount FOLDER
//	floor [flags] get KEY SIZE
//	floor [flags] put PREFIX COUNT SIZE
package main

import (
	"cmp"
	"flag"
	"fmt"
	"net/url"
	"os"
	"strconv"
)

// settings of all commands.
type settings struct {
	endpoint, bucket string
	concurrency      int
	partSize         int
}

func main() {
	var s settings
	flag.StringVar(&s.endpoint, "endpoint-url", "", "`URL` of the store")
	flag.StringVar(&s.bucket, "bucket", "bench", "`name` of the bucket")
	flag.IntVar(&s.concurrency, "concurrency", 8, "requests in flight")
	flag.IntVar(&s.partSize, "part-size", 10<<20, "`bytes` of a part, and of a range that is read")
	flag.Parse()
	if err := run(s, flag.Args()); err != nil {
		fmt.Fprintln(os.Stderr, "floor:", err)
		os.Exit(1)
	}
}

// run takes the command and its arguments; further numbers are 0.
func run(s settings, args []string) error {
	if _, err := url.Parse(s.endpoint); err != nil || s.endpoint == "" || len(args) < 2 {
		return fmt.Errorf("%q: wanted -endpoint-url URL and mount FOLDER, get KEY SIZE or put PREFIX COUNT SIZE", args)
	}
	var numbers [2]int64
	for i, text := range args[2:min(len(args), 4)] {
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return err
		}
		numbers[i] = n
	}
	c, err := newClient(s)
	if err != nil {
		return err
	}
	switch args[0] {
	case "mount":
		return mount(c, args[1])
	case "get":
		return c.getAll(args[1], numbers[0])
	case "put":
		return c.putAll(args[1], int(numbers[0]), cmp.Or(numbers[1], 16<<10))
	}
	return fmt.Errorf("unknown command %q", args[0])
}

// must ends the process: nothing here has a way back.
func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "floor:", err)
		os.Exit(1)
	}
}
