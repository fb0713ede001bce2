"""What a person sees: headless Chromium logs in to Sentry lite, opens the project, and reads the newest issue's page.

    eval "$(kit env)" && python -m tests.e2e.local.browser docs/sentry-lite.png

Chromium has a trust store of its own that only `certutil` or an administrator can change. So the server's chain and name are
verified here first, against the stack's authority, and Chromium is told to accept that very public key and no other.
"""

from __future__ import annotations

import base64
import hashlib
import os
import socket
import ssl
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webdriver import WebDriver
from selenium.webdriver.support.ui import WebDriverWait

from tests.support.debian import program

WAIT_S = 15
WIDTH, HEIGHT = 1440, 1500


@dataclass(frozen=True, slots=True)
class Seen:
    """The newest issue: what the list said of it, and what its own page shows."""

    listed: str  # "OrderRejected: order A-1002 …"
    page: str
    url: str


def newest_issue(url: str, user: str, password: str, ca_file: Path, picture: Path | None = None) -> Seen:
    """Log in at `url`, follow `/` to the project's issues and open the first. The picture is of the issue's page."""
    with browser(url, ca_file) as page:
        page.get(f"{url}/")
        page.find_element(By.NAME, "username").send_keys(user)
        page.find_element(By.NAME, "password").send_keys(password + "\n")
        link = WebDriverWait(page, WAIT_S).until(
            lambda page: page.find_element(By.CSS_SELECTOR, "a[href*='/issues/issue/']")  # only its list has them
        )
        listed = link.text
        page.get(str(link.get_attribute("href")))
        what, _, why = listed.partition(": ")
        WebDriverWait(page, WAIT_S).until(lambda page: f"{what}\n{why}" in page.find_element(By.TAG_NAME, "body").text)
        if picture:
            picture.parent.mkdir(parents=True, exist_ok=True)
            page.save_screenshot(str(picture))
        return Seen(listed, page.find_element(By.TAG_NAME, "body").text, page.current_url)


@contextmanager
def browser(url: str, ca_file: Path) -> Iterator[WebDriver]:
    options = webdriver.ChromeOptions()
    options.binary_location = program("chromium", "chromium", "chromium-driver")
    options.add_argument("--headless=new")
    options.add_argument(f"--window-size={WIDTH},{HEIGHT}")
    options.add_argument(f"--ignore-certificate-errors-spki-list={verified_key(url, ca_file)}")
    options.add_argument("--no-proxy-server")  # the server is on this computer
    options.add_argument("--disable-dev-shm-usage")  # /dev/shm is small in containers
    if os.getuid() == 0:
        options.add_argument("--no-sandbox")  # Chromium's own sandbox refuses to start as root
    driver = webdriver.Chrome(options=options, service=Service(program("chromedriver", "chromium-driver")))
    try:
        yield driver
    finally:
        driver.quit()


def verified_key(url: str, ca_file: Path) -> str:
    """SHA-256 of the public key of a server whose certificate verifies against `ca_file`, as Chromium wants it."""
    target = urlsplit(url)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(cafile=str(ca_file))
    with (
        socket.create_connection((target.hostname or "", target.port or 443), timeout=WAIT_S) as plain,
        context.wrap_socket(plain, server_hostname=target.hostname) as secured,
    ):
        certificate = x509.load_der_x509_certificate(secured.getpeercert(binary_form=True) or b"")
    key = certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return base64.b64encode(hashlib.sha256(key).digest()).decode()


if __name__ == "__main__":
    shown = newest_issue(
        os.environ["SENTRY_URL"],
        os.environ["SENTRY_USER"],
        os.environ["SENTRY_PASSWORD"],
        Path(os.environ["SSL_CERT_FILE"]),
        Path(sys.argv[1]),
    )
    print(f"{shown.listed}\n{shown.url}")
