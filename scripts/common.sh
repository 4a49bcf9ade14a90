# Sourced by the scripts beside it: what several of them need.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/s3mpfs

die() {
    echo "$(basename "$0"): $*" >&2
    exit 1
}

# help prints the comment at the top of the script, which is its manual.
help() {
    sed -n '2,/^[^#]/s/^# \{0,1\}//p' "$0"
}

# need PROGRAM:PACKAGE... installs the Debian packages of programs that are
# missing, as root or with sudo that asks no password; else it names them.
need() {
    local missing=() pair
    for pair in "$@"; do
        command -v "${pair%%:*}" >/dev/null || missing+=("${pair##*:}")
    done
    ((${#missing[@]} == 0)) && return
    local as_root=()
    ((EUID == 0)) || as_root=(sudo -n)
    command -v apt-get >/dev/null && { ((EUID == 0)) || sudo -n true 2>/dev/null; } ||
        die "please install: ${missing[*]}"
    echo "Installing ${missing[*]}"
    "${as_root[@]}" apt-get update -qq
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
        apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null ||
        die "could not install: ${missing[*]}"
}

need_go() {
    command -v go >/dev/null || die "please install Go $(sed -n 's/^go //p' "$root/go.mod") or newer: https://go.dev/dl"
}

need_fuse() {
    need fusermount3:fuse3
    [[ -c /dev/fuse ]] ||
        die "/dev/fuse is missing: 'modprobe fuse', or run the container with --device /dev/fuse --cap-add SYS_ADMIN"
}

# build_versitygw builds the S3 server of the tests, once for each version that
# scripts/versitygw pins, and exports its path for them.
build_versitygw() {
    local module=$root/scripts/versitygw version
    version=$(sed -n 's/.*github.com\/versity\/versitygw \(v[^ ]*\).*/\1/p' "$module/go.mod")
    export S3MPFS_VERSITYGW=$cache/versitygw-$version
    [[ -x $S3MPFS_VERSITYGW ]] && return
    echo "Building the S3 server versitygw $version (once, about a minute)"
    mkdir -p "$cache"
    (cd "$module" && GOFLAGS= GOWORK=off CGO_ENABLED=0 \
        go build -o "$S3MPFS_VERSITYGW.$$" github.com/versity/versitygw/cmd/versitygw)
    mv "$S3MPFS_VERSITYGW.$$" "$S3MPFS_VERSITYGW"
}
