"""TLS ends in the server itself: no listener without it, not even inside the pod."""

import os
import ssl

bind = "0.0.0.0:8443"
certfile = "/run/kit/certificate/tls.crt"
keyfile = "/run/kit/certificate/tls.key"
workers = int(os.environ["KIT_WORKERS"])
threads = int(os.environ["KIT_THREADS"])
worker_class = "gthread"
worker_tmp_dir = "/tmp"  # in memory, as gunicorn's heartbeat files should be
control_socket_disable = True  # it would want a writable home
graceful_timeout = 10
preload_app = True  # one import for all workers


def ssl_context(conf, default_ssl_context_factory):
    context = default_ssl_context_factory()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context
