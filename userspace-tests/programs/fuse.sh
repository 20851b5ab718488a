# shellcheck shell=sh
# Sourced by trials of libfuse: its passthrough_ll, told to splice what it can, shows below at
# /tmp/fuse.
. "$(dirname "$0")/common.sh"

mkdir -p below /tmp/fuse
/programs/passthrough_ll -o source=/mnt/ext4/below -o cache=always /tmp/fuse
