"""Add an authority to certifi's bundle, which requests and botocore trust instead of the system's. Twice is once."""

import sys
from pathlib import Path

import certifi

bundle, authority = Path(certifi.where()), Path(sys.argv[1]).read_text().strip()
known = bundle.read_text()
if authority not in known:
    bundle.write_text(f"{known.rstrip()}\n\n{authority}\n")
