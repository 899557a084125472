"""The device runtime: recommendations from one exported file, with NumPy and safetensors' container format alone."""

from sparserec.device.recommender import Recommender

__all__ = ["Recommender"]
