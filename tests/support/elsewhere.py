"""Stores that are not the local ones, as `terraform output -json endpoints` describes them."""

ENDPOINTS = {
    "kafka": {"brokers": ["a.example.net:9091", "b.example.net:9091"], "username": "sentry", "mechanism": "SCRAM-SHA-512"},
    "postgres": {"host": "pg.example.net", "port": 6432, "database": "sentry", "username": "sentry"},
    "redis": {"host": "redis.example.net", "port": 6380, "db": 3},
    "clickhouse": {
        "host": "ch.example.net",
        "https_port": 8443,
        "native_port": 9440,
        "database": "sentry",
        "username": "sentry",
        "single_node": False,
        "cluster_name": "main",
    },
    "s3": {
        "endpoint": "https://storage.example.net",
        "region": "eu-1",
        "addressing_style": "virtual",
        "filestore": {"bucket": "kit-files"},
        "nodestore": {"bucket": "kit-events"},
    },
}
