# shellcheck shell=sh
# Sourced by trials of web servers: nginx serves file at port 9002.
. "$(dirname "$0")/common.sh"

cat >/tmp/nginx.conf <<CONFIG
error_log /tmp/nginx.log; pid /tmp/nginx.pid;
events {}
http {
	access_log off; sendfile on;
	client_body_temp_path /tmp/1; proxy_temp_path /tmp/2; fastcgi_temp_path /tmp/3;
	uwsgi_temp_path /tmp/4; scgi_temp_path /tmp/5;
	server { listen 127.0.0.1:9002; location / { root /mnt/ext4; } }
}
CONFIG
nginx -c /tmp/nginx.conf
sleep 1

# from_port PORT: prints file.
from_port() {
	busybox wget -q -O - "http://127.0.0.1:$1/file"
}
