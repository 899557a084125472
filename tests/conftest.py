"""Settings that all tests share."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

# The first call of a kernel compiles it, so the time of a single example says nothing.
settings.register_profile("sparserec", deadline=None, suppress_health_check=[HealthCheck.too_slow], max_examples=60)
settings.load_profile("sparserec")
