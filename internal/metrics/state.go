package metrics

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/s3mpfs/s3mpfs/internal/control"
)

// state reads gauges from one status, so that they fit together.
type state func() control.Status

var _ prometheus.Collector = state(nil)

func gauge(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("s3mpfs_"+name, help, labels, nil)
}

var (
	info          = gauge("mount_info", "Always 1; what is mounted, and by which version.", "bucket", "prefix", "mountpoint", "version")
	since         = gauge("mount_start_time_seconds", "When the mount began, in seconds since 1970.")
	memoryUsed    = gauge("memory_used_bytes", "Memory that file content takes.")
	memoryLimit   = gauge("memory_limit_bytes", "Most memory that file content may take.")
	concurrency   = gauge("concurrency", "Requests with content that there may be at present.")
	files         = gauge("files", "Files open for writing, by state.", "state")
	failed        = gauge("files_failed_total", "Files whose bytes did not become an object, which a program or the log was told.")
	partsInFlight = gauge("parts_in_flight", "Parts on their way to S3.")
	unsent        = gauge("unsent_bytes", "Bytes of files being written that S3 has not acknowledged.")
)

// Describe implements prometheus.Collector.
func (s state) Describe(all chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{info, since, memoryUsed, memoryLimit, concurrency, files, failed, partsInFlight, unsent} {
		all <- d
	}
}

// fileStates are all that a file can be in, each shown even where no file is.
var fileStates = []string{"clean", "dirty", "publishing", "failed", "closed"}

// Collect implements prometheus.Collector.
func (s state) Collect(all chan<- prometheus.Metric) {
	set := func(d *prometheus.Desc, value float64, labels ...string) {
		all <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, value, labels...)
	}
	now := s()
	set(info, 1, now.Bucket, now.Prefix, now.Mountpoint, now.Version)
	set(since, float64(now.Since.UnixMilli())/1000)
	set(memoryUsed, float64(now.MemoryUsed))
	set(memoryLimit, float64(now.MemoryLimit))
	all <- prometheus.MustNewConstMetric(failed, prometheus.CounterValue, float64(now.FilesFailed))
	set(concurrency, float64(now.Concurrency))
	set(unsent, float64(now.Left().BytesLeft))
	inState, flying := map[string]int{}, 0
	for _, f := range now.Files {
		inState[f.State]++
		flying += f.PartsInFlight
	}
	set(partsInFlight, float64(flying))
	for _, name := range fileStates {
		set(files, float64(inState[name]), name)
	}
}
