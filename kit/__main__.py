"""`python -m kit`, for places where the `kit` program is not installed."""

from kit.cli.app import main

main()
