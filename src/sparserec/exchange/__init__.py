"""Models in formats of others: ONNX. Needs the extra `onnx`."""

from sparserec.exchange.export import OPERATORS, OPSET, write_onnx

__all__ = ["OPERATORS", "OPSET", "write_onnx"]
