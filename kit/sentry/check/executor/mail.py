"""The connection by which Sentry sends mail, from its options below `mail.` as they are after everything has been executed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kit.sentry.check.executor.contract import Connection

# The short word, and what Sentry makes of it: SENTRY_EMAIL_BACKEND_ALIASES in sentry/conf/server.py.
BACKENDS = ("smtp", "django.core.mail.backends.smtp.EmailBackend")


def connections(mail: Mapping[str, Any], env: Mapping[str, str]) -> list[Connection]:
    """From the options below `mail.`, the one that mails leave by; none where nothing leaves."""
    if mail.get("backend") not in BACKENDS:
        return []
    starttls, at_once = bool(mail.get("use-tls")), bool(mail.get("use-ssl"))
    ca = env.get("SSL_CERT_FILE") or None
    on = starttls != at_once  # both: Django makes no backend at all
    return [
        {
            "store": "mail",
            "client": "smtplib",
            "use": "mail.host",
            "addresses": [[str(mail.get("host") or ""), int(mail.get("port") or 0)]],
            "user": mail.get("username") or None,
            "password": mail.get("password") or None,
            "tls": {"on": on, "verify": "full" if on else "none", "ca": ca, "ca_from": "SSL_CERT_FILE" if ca else None},
            "options": {"starttls": starttls, "from": str(mail.get("from") or "")},
        }
    ]
