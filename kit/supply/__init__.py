"""Where every tool and every image comes from: the lock, and the three ways to get one (installed, pulled, built)."""
