"""Where every tool and every image comes from: the lock, and the three ways to get one (installed, pulled, built).

The public face is `Supply`. What makes things (builders, registry, archive, schedule) is imported when something must be made:
asking for what is already there costs a look at the disk, and one question to the engine for an image.
"""

from kit.supply.resolve import Image, Need
from kit.supply.schedule import Progress
from kit.supply.supply import Supply

__all__ = ["Image", "Need", "Progress", "Supply"]
