package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"os/signal"
	"runtime/debug"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/config"
	"golang.org/x/sys/unix"

	"github.com/s3mpfs/s3mpfs/fs"
	"github.com/s3mpfs/s3mpfs/internal/control"
	"github.com/s3mpfs/s3mpfs/internal/size"
	"github.com/s3mpfs/s3mpfs/writer"
	"github.com/s3mpfs/s3mpfs/writer/s3store"
)

// serve mounts and stays until the mount has ended. It calls ready, with the
// file that takes what is printed from then on, when the mount answers.
func serve(s *settings, ready func(stderr *os.File) error) (err error) {
	dir, err := control.RuntimeDir()
	if err != nil {
		return err
	}
	target, err := openLog(s, dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, target.close()) }()
	observer := newObserver()
	log := slog.New(observer.metrics.CountLog(adviser{target.handler, s}))
	slog.SetDefault(log)
	web, err := listenWeb(s)
	if err != nil {
		return withCode(exitUsage, err)
	}
	defer web.close()
	config := s.storeConfig(log)
	config.Observe = observer.observe
	store, err := openStore(config)
	if err != nil {
		return withCode(exitBucket, err)
	}
	engine, err := writer.New(store, s.engineOptions(log))
	if err != nil {
		return withCode(exitUsage, err)
	}
	observer.engine.Store(engine)
	s.collectGarbage()
	tree := fs.New(store, engine, s.treeOptions(log))
	m := &served{settings: s, log: log, store: store, engine: engine, tree: tree, observer: observer, web: web}
	return m.mount(dir, func() error { return ready(target.file) })
}

// endSignals complete every file and end the mount. A terminal that is closed
// sends SIGHUP.
var endSignals = []os.Signal{unix.SIGINT, unix.SIGTERM, unix.SIGHUP}

// openStore finds the bucket and checks that it may be used.
func openStore(c s3store.Config) (*s3store.Store, error) {
	ctx, stop := signal.NotifyContext(context.Background(), endSignals...)
	defer stop()
	store, err := s3store.Open(ctx, c)
	var unknown config.SharedConfigProfileNotExistError
	if errors.As(err, &unknown) {
		return nil, withCode(exitUsage, fmt.Errorf("--profile %q (or AWS_PROFILE) is neither in ~/.aws/config nor in ~/.aws/credentials: "+
			"'aws configure list-profiles' shows what is", unknown.Profile))
	}
	if err != nil {
		return nil, err
	}
	if err := store.Check(ctx); err != nil {
		return nil, errors.Join(err, store.Close())
	}
	return store, nil
}

// served is what a mount consists of.
type served struct {
	settings *settings
	log      *slog.Logger
	store    *s3store.Store
	engine   *writer.Engine
	tree     *fs.Tree
	observer *observer
	web      *web
}

// mount mounts the tree, tells that it is ready and stays until the end.
func (m *served) mount(runtimeDir string, ready func() error) error {
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, endSignals...)
	release, err := claimMountpoint(m.settings.mountpoint)
	if err != nil {
		return withCode(exitMountpoint, err)
	}
	server, err := m.tree.Mount(m.settings.mountpoint)
	if err != nil {
		return withCode(exitMountpoint, fmt.Errorf("mount at %s: %w", m.settings.mountpoint, err))
	}
	s := &session{
		settings: m.settings, tree: m.tree, wait: server.Wait, contents: m.engine, memory: m.memory,
		requests: m.observer.metrics.S3, history: m.observer.history,
		manager: inheritedServiceManager(), log: m.log, since: time.Now(), release: m.release, ended: make(chan struct{}),
	}
	socket, err := control.Serve(runtimeDir, m.settings.mountpoint, s)
	if err == nil {
		s.unlist = sync.OnceValue(func() error { return errors.Join(socket.Unlink(), release()) })
		defer m.closeSocket(socket, s)
		err = m.complete()
	}
	if err == nil {
		err = ready()
	}
	if err != nil {
		_, unmountErr := unmount(m.settings.mountpoint)
		return withCode(exitMountpoint, errors.Join(err, unmountErr))
	}
	m.observer.metrics.Watch(s.Status)
	m.web.serve(m.observer.metrics.Handler(), s.ending.Load, m.log)
	m.logMounted()
	s.tell("READY=1\nSTATUS=mounted at " + m.settings.mountpoint)
	defer m.lookForLeftovers(s.since)()
	return s.run(signals)
}

// complete asks the kernel for what FUSE does not offer at the mount.
func (m *served) complete() error {
	if !m.settings.noExec {
		return nil
	}
	const flags = unix.MS_REMOUNT | unix.MS_BIND | unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOEXEC
	if err := unix.Mount("", m.settings.mountpoint, "", flags, ""); err != nil {
		return fmt.Errorf("-o noexec: %w", err)
	}
	return nil
}

// lookForLeftovers does so beside the mount, until the stop it gives is called.
func (m *served) lookForLeftovers(since time.Time) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	var looking sync.WaitGroup
	looking.Go(func() { (&leftovers{m.settings, m.store, m.log, since}).look(ctx) })
	return func() {
		cancel()
		looking.Wait()
	}
}

// closeSocketWithin is how long the last answer to `s3mpfs umount` may take to
// be sent.
const closeSocketWithin = 5 * time.Second

func (m *served) closeSocket(socket *control.Server, s *session) {
	if s.abandoned {
		return // the end of the process is the answer
	}
	ctx, cancel := context.WithTimeout(context.Background(), closeSocketWithin)
	defer cancel()
	if err := socket.Close(ctx); err != nil {
		m.log.Warn("the control socket did not end well", "error", err)
	}
}

func (m *served) memory() (used, limit int64) {
	return m.engine.Memory().Used(), m.engine.Memory().Size()
}

func (m *served) release() error {
	m.tree.Close()
	return errors.Join(m.engine.Close(), m.store.Close())
}

// logMounted tells what was mounted, and the largest file that can be written.
func (m *served) logMounted() {
	o := m.engine.Options()
	m.log.Info("mounted", "bucket", m.settings.bucket, "prefix", m.settings.prefix,
		"mountpoint", m.settings.mountpoint, "region", m.store.Region(), "endpoint", m.settings.endpoint(),
		"memory", size.Size(o.Memory).String(), "part_size", size.Size(o.PartSize).String(),
		"largest_file", size.Size(m.engine.MaxFileSize()).About(), "version", version())
}

// endpoint is what the log calls the store.
func (s *settings) endpoint() string {
	if s.endpointURL == "" {
		return "default"
	}
	return s.endpointURL
}

func (s *settings) storeConfig(log *slog.Logger) s3store.Config {
	return s3store.Config{
		Bucket: s.bucket, EndpointURL: s.endpointURL, Region: s.region, Profile: s.profile,
		NoSignRequest: s.noSignRequest, ForcePathStyle: s.forcePathStyle,
		RequesterPays: s.requesterPays, ExpectedBucketOwner: s.expectedBucketOwner,
		ACL: s.acl, StorageClass: s.storageClass, SSE: s.sse, SSEKMSKeyID: s.sseKMSKeyID,
		CacheControl: s.cacheControl, Metadata: s.metadata, Tagging: s.tagging,
		Checksum: s.algorithm(), RetryTimeout: s.retryTimeout,
		// Reading and the namespace want connections beside the parts.
		MaxConnections: 2 * s.maxConcurrency,
		UserAgent:      "s3mpfs/" + version(), Log: log,
	}
}

// littleMemory is a budget of who cares for each MiB of the process.
const littleMemory = 256 << 20

// collectGarbage has the garbage collector run twice as often where the budget is
// small: with 1,000 files open the process then has 305 MiB resident, not 320,
// and 2,000 small files take a tenth more processor time. GOGC overrides it.
func (s *settings) collectGarbage() {
	if _, set := os.LookupEnv("GOGC"); !set && s.memory <= littleMemory {
		debug.SetGCPercent(50)
	}
}

func (s *settings) engineOptions(log *slog.Logger) writer.Options {
	return writer.Options{
		PartSize: int64(s.partSize), UniformParts: s.uniformParts || isR2(s.endpointURL),
		Memory: int64(s.memory), Concurrency: s.maxConcurrency,
		Checksum: s.algorithm(), NoChecksum: s.algorithm() == writer.None,
		Atomic: s.atomic, MaxHole: int64(s.maxHole), Log: log,
	}
}

func (s *settings) treeOptions(log *slog.Logger) fs.Options {
	ttl := s.metadataTTL
	if ttl == 0 {
		ttl = -1 // for fs, zero is the default
	}
	return fs.Options{
		Bucket: s.bucket, Prefix: s.prefix, UID: s.uid, GID: s.gid,
		FileMode: uint32(s.fileMode), DirMode: uint32(s.dirMode),
		ReadOnly: s.readOnly, AllowOther: s.allowOther, MetadataTTL: ttl,
		OnKill: chosen(fs.ParseOnKill(s.onKill)), Fsync: chosen(fs.ParseFsync(s.fsync)),
		Preserve: chosen(fs.ParsePreserve(s.preserve)), ForeignAttributes: s.foreignAttributes,
		MetadataReserved: s.metadata.bytes(), WriteBehind: s.writeBehind,
		ContentType: s.contentType, RenameDirLimit: s.renameDirLimit, Log: log,
	}
}

func (s *settings) algorithm() writer.Algorithm {
	return chosen(writer.ParseAlgorithm(s.checksum))
}

// chosen is the value of a flag that takes the allowed words only.
func chosen[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}

// isR2 tells Cloudflare R2 by its endpoints. It demands parts of one size.
// https://developers.cloudflare.com/r2/objects/upload-objects/#multipart-upload-details
func isR2(endpoint string) bool {
	u, err := url.Parse(endpoint)
	return err == nil && strings.HasSuffix(u.Hostname(), ".r2.cloudflarestorage.com")
}
