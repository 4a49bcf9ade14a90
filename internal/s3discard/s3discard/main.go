// Command s3discard runs an S3 endpoint that throws content away, for
// benchmarks. It prints its URL, and ends on SIGINT or SIGTERM. GET /_stats
// gives its counters, DELETE /_stats begins them at zero.
package main

import (
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/s3mpfs/s3mpfs/internal/s3discard"
)

func main() {
	var o s3discard.Options
	flag.StringVar(&o.Address, "address", "127.0.0.1:0", "listen on this `HOST:PORT`")
	flag.DurationVar(&o.Latency, "latency", 0, "wait this long before each answer")
	flag.Int64Var(&o.Bandwidth, "bandwidth", 0, "let each connection pass this many `BYTES` a second; 0 is any number")
	flag.StringVar(&o.CertFile, "tls", "", "speak TLS, and write the certificate to this `FILE`")
	flag.Parse()
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGINT, syscall.SIGTERM)
	if err := s3discard.Run(o, stop); err != nil {
		fmt.Fprintln(os.Stderr, "s3discard:", err)
		os.Exit(1)
	}
}
