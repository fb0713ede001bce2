"""Bugsink in one kind of process: events are digested in the request that brought them (no queue, no second process,
no state beside Postgres), so an event that was accepted is visible, and two pods can overlap while one replaces the other.
"""

import json
import os

from bugsink.settings.default import *  # noqa: F403
from bugsink.settings.default import DATABASES

SECRET_KEY = os.environ["KIT_SECRET_KEY"]
ALLOWED_HOSTS = os.environ["KIT_HOSTS"].split(",")
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = True
TIME_ZONE = "UTC"

# A schema of its own: the full Sentry, should it follow in the same database, brings tables of the same names.
SCHEMA = "bugsink"
DATABASES["default"] = {
    "ENGINE": "django.db.backends.postgresql",
    "HOST": os.environ["POSTGRES_HOST"],
    "PORT": os.environ["POSTGRES_PORT"],
    "NAME": os.environ["POSTGRES_NAME"],
    "USER": os.environ["POSTGRES_USER"],
    "PASSWORD": os.environ["POSTGRES_PASSWORD"],
    # One connection per thread, kept: a new one costs a TLS handshake and SCRAM's key derivation.
    "CONN_MAX_AGE": 60,
    "CONN_HEALTH_CHECKS": True,
    "OPTIONS": {
        "sslmode": "verify-full",
        "sslrootcert": os.environ["PGSSLROOTCERT"],  # from the wiring, like in every other container
        "connect_timeout": 5,
        "options": f"-c search_path={SCHEMA}",
    },
}
DATABASES["snappea"]["NAME"] = "/tmp/snappea.sqlite3"
SNAPPEA = {"TASK_ALWAYS_EAGER": True}

EMAIL_BACKEND = "django.core.mail.backends.dummy.EmailBackend"
if os.environ.get("KIT_MAIL"):
    _mail = json.loads(os.environ["KIT_MAIL"])
    EMAIL_BACKEND = "bugsink_mail.EmailBackend"
    EMAIL_HOST, EMAIL_PORT = _mail["host"], _mail["port"]
    EMAIL_HOST_USER, EMAIL_HOST_PASSWORD = _mail["user"], os.environ.get("KIT_MAIL_PASSWORD", "")
    EMAIL_USE_TLS, EMAIL_USE_SSL = _mail["starttls"], _mail["tls"]  # Django verifies, by SSL_CERT_FILE
    EMAIL_TIMEOUT = 10
    DEFAULT_FROM_EMAIL = SERVER_EMAIL = _mail["from"]
BUGSINK = {
    "BASE_URL": os.environ["KIT_BASE_URL"],
    "SITE_TITLE": "kit: Sentry lite",
    "SINGLE_USER": True,
    "SINGLE_TEAM": True,
    "PHONEHOME": False,
}
