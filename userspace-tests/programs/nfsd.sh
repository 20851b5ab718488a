# shellcheck shell=sh
# Sourced by what needs an NFS server, also by the lab.

# serve DIR: export DIR to 127.0.0.1, which may write, as the place where NFSv4 begins (no_subtree_check
# and fsid=0: 0x2400). The kernel is told what exportfs, mountd and nfsd would tell it.
serve() {
	chmod 777 "$1" &&
		mount -t nfsd nfsd /proc/fs/nfsd &&
		echo -3 >/proc/fs/nfsd/versions && # would ask for an rpcbind
		echo 10 >/proc/fs/nfsd/nfsv4leasetime &&
		echo 10 >/proc/fs/nfsd/nfsv4gracetime &&
		echo tcp 2049 >/proc/fs/nfsd/portlist &&
		echo 2 >/proc/fs/nfsd/threads &&
		echo nfsd 127.0.0.1 2147483647 guest >/proc/net/rpc/auth.unix.ip/channel &&
		echo "guest $1 2147483647 $((0x2400)) 65534 65534 0" >/proc/net/rpc/nfsd.export/channel &&
		printf '%s\n' "guest 1 \\x00000000 2147483647 $1" >/proc/net/rpc/nfsd.fh/channel
}
