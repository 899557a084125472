"""The device runtime: recommendations from one exported file, with NumPy and safetensors' container format alone."""

from sparserec.device.explain import Recommendation
from sparserec.device.recommender import Recommender

__all__ = ["Recommendation", "Recommender"]
