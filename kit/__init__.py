"""kit: the same Sentry installation, first against TLS stores and a cluster on this computer, then against the cloud."""

__version__ = "0.1.0"
