# shellcheck shell=sh
# Sourced by the trials of the packages, which run as root of a Debian of their own: while that is
# only a directory, or once it has booted. Each trial makes claims.
export PATH=/usr/sbin:/usr/bin:/sbin:/bin DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8
cd /test || exit
log=/test/log

# claim WHAT COMMAND...: WHAT is so if the command succeeds.
claim() {
	what=$1
	shift
	if "$@" >$log.claim 2>&1 </dev/null; then
		echo "test: $what: yes"
	else
		echo "test: $what: NO"
		sed 's/^/    /' $log.claim
	fi
}

# not COMMAND...
not() {
	! "$@"
}

# says WORDS COMMAND...: does the output of the command have WORDS, an extended regular expression?
says() {
	words=$1
	shift
	"$@" >$log.says 2>&1 || true
	cat $log.says
	grep -qE -- "$words" $log.says
}

# apt ARGUMENT...: the packages are in its cache, so it needs no network.
apt() {
	apt-get -q -y "$@" >$log 2>&1 </dev/null || { cat $log && return 1; }
}

# modules RELEASE: are both modules there for that kernel?
modules() {
	modinfo -k "$1" privpipe >/dev/null && modinfo -k "$1" privpipe_harden
}

# status STATUS: does `privpipe harden status` end with that?
status() {
	code=0
	privpipe harden status || code=$?
	[ $code = "$1" ]
}
