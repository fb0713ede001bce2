"""Prints how many suites `make test` runs at a time: one for each processor that this process may use, from one to four."""

from __future__ import annotations

import os

MOST = 4  # a suite keeps a cluster and five stores, about 3 GB of memory, and they share one engine


def at_once(processors: int) -> int:
    return max(1, min(processors, MOST))


if __name__ == "__main__":
    print(at_once(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1))
