# shellcheck shell=sh
# Sourced by the trials that update the kernel, $2, of a Debian with another one, $1: the packages are
# installed there, and the livepatch is enabled.
. "$(dirname "$0")/common.sh"
old=$1
new=$2

claim "the packages can be installed" apt install /test/debs/*.deb
claim "DKMS has built both modules for $old" modules "$old"
claim "installing enables nothing" says disabled systemctl is-enabled privpipe-harden
claim "systemctl enable privpipe-harden" systemctl enable privpipe-harden
useradd --groups privpipe member
useradd stranger

# update: to the kernel $new, of this Debian or of its backports.
update() {
	suite=$(. /etc/os-release && echo "$VERSION_CODENAME")
	case $new in
	6.12.*) ;;
	*) suite=$suite-backports ;;
	esac
	apt install -t "$suite" "linux-image-$new" "linux-headers-$new"
}
