package e2e

import (
	"path/filepath"
	"testing"
)

// containers are the formats whose muxers write in ways of their own.
var containers = []struct{ file, flags string }{
	{"out.mp4", ""},
	{"fragmented.mp4", "-movflags frag_keyframe+empty_moov"},
	{"faststart.mp4", "-movflags +faststart"},
	{"out.mov", ""},
	{"out.mkv", ""},
	{"out.avi", ""},
	{"out.ts", ""},
	{"out.wav", "-vn -c:a pcm_s16le"},
}

// movie makes in.avi in the work folder: 20 s, some 30 MB, so that every
// container has several parts.
const movie = `ffmpeg -nostdin -loglevel error -y -f lavfi -i testsrc2=size=1280x720:rate=25 -f lavfi -i sine=frequency=440:sample_rate=48000 \
	-t 20 -c:v mpeg4 -b:v 12M -c:a mp2 -b:a 192k -fflags +bitexact -flags:v +bitexact -flags:a +bitexact in.avi`

// TestFFmpeg: what ffmpeg writes to the mount is what it writes to a local disk,
// and it reads it back.
func TestFFmpeg(t *testing.T) {
	onEachStore(t, func(t *testing.T, s *store) {
		m := mountBucket(t, s)
		m.sh(movie)
		for _, c := range containers {
			t.Run(c.file, func(t *testing.T) {
				m := m.within(t)
				m.remux(c.flags, filepath.Join(m.work, c.file))
				m.remux(c.flags, m.path(c.file))
				m.wantObject(c.file, m.localFile(c.file))
				m.sh(`
					ffprobe -loglevel error -show_format -show_streams $TMP/$FILE | grep -v ^filename= > local
					ffprobe -loglevel error -show_format -show_streams $MNT/$FILE | grep -v ^filename= > mounted
					cmp local mounted
				`, "FILE="+c.file)
			})
		}
	})
}

// remux runs ffmpeg so that two runs give the same bytes.
func (m *mount) remux(flags, output string) {
	m.t.Helper()
	m.sh(`ffmpeg -nostdin -loglevel error -y -i in.avi -c copy $FLAGS -fflags +bitexact -flags:v +bitexact -flags:a +bitexact $OUT`,
		"FLAGS="+flags, "OUT="+output)
}

// TestFFmpegFromMountToMount reads and writes the same mount.
func TestFFmpegFromMountToMount(t *testing.T) {
	t.Parallel()
	m := mountBucket(t, all.versitygw(t))
	m.sh(movie)
	m.sh(`cp in.avi $MNT/in.avi; cmp in.avi $MNT/in.avi
		ffmpeg -nostdin -loglevel error -y -i in.avi -c copy -fflags +bitexact -flags:v +bitexact -flags:a +bitexact local.mkv
		ffmpeg -nostdin -loglevel error -y -i $MNT/in.avi -c copy -fflags +bitexact -flags:v +bitexact -flags:a +bitexact $MNT/out.mkv`)
	m.wantObject("out.mkv", m.localFile("local.mkv"))
}

// TestLongAVI: beyond 1 GB ffmpeg begins another index chunk in an AVI, and in
// the end goes back to all of them and to the header.
func TestLongAVI(t *testing.T) {
	m := mountBucket(t, all.versitygw(t))
	const raw = `ffmpeg -nostdin -loglevel error -y -f lavfi -i color=size=1280x720:rate=25 -frames:v 420 -c:v rawvideo -pix_fmt bgr24 \
		-fflags +bitexact -flags:v +bitexact $OUT`
	m.sh(raw, "OUT="+filepath.Join(m.work, "long.avi"))
	m.sh(raw, "OUT="+m.path("long.avi"))
	m.sh(`test $(stat -c %s $MNT/long.avi) -gt 1100000000; cmp long.avi $MNT/long.avi; rm long.avi $MNT/long.avi`)
}
