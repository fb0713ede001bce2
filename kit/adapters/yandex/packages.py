"""Whether the packages of the extra `cloud` are installed. The local stack needs none of them, so they may be absent."""

from __future__ import annotations

from importlib.util import find_spec

from kit.errors import KitError

PACKAGES = {"grpc": "grpcio", "yandexcloud": "yandexcloud"}  # module → distribution, as in pyproject.toml


class CloudPackagesMissing(KitError):
    """The packages that speak with Yandex Cloud, and that its emulator is made with, are not installed."""

    code = "KIT-CLOUD-PACKAGES"
    exit_code = 20
    what = "the packages for Yandex Cloud are not installed"
    why = "there is no {names}; kit comes without, for a local stack needs none of them"
    fix = "pip install 'kit[cloud]' (in a checkout: make up, or pip install -e '.[cloud]')"


def require() -> None:
    """Raise `CloudPackagesMissing` where one is absent."""
    if missing := [name for module, name in PACKAGES.items() if not _is_installed(module)]:
        raise CloudPackagesMissing(names=missing)


def _is_installed(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ImportError:
        return False
