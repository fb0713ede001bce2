# nginx wants the address of the cluster's DNS in its configuration; the pod was given it in resolv.conf.
set -eu
sed -n 's/^nameserver \([^ ]*\).*/resolver \1 valid=5s;/p' /etc/resolv.conf | head -n 1 > /tmp/resolver.conf
exec /usr/sbin/nginx -e stderr -c /etc/kit/front/nginx.conf -g 'daemon off;'
