"""The Python of the guides to the device and to metrics runs as it is printed."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from sparserec.artefact import TableData, write
from sparserec.artefact.delta import delta
from sparserec.vocabulary import Vocabulary

GUIDE = Path(__file__).resolve().parents[2] / "docs" / "guide"
IDS = ["318", "296", "593", "1", "2"]


def blocks(page: str) -> str:
    """The Python blocks of a page as one program."""
    return "\n".join(re.findall(r"^```python\n(.*?)^```", (GUIDE / page).read_text(), re.MULTILINE | re.DOTALL))


def model(last: float) -> dict:
    def table(n: int) -> TableData:
        values = np.linspace(1, last, n).astype(np.float32)
        return TableData(np.arange(n + 1), np.arange(n) % 2, values, 2)

    more = {"users": table(2), "user_ids": Vocabulary.of(["42", "43"])}
    return {"items": table(5), "item_ids": Vocabulary.of(IDS), "values_dtype": "float16", **more}


def ran(program: str, folder: Path) -> str:
    done = subprocess.run([sys.executable, "-c", program], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_guide_to_the_device(tmp_path):
    exchange = pytest.importorskip("sparserec.exchange", reason="needs ONNX: pip install 'sparserec[onnx]'")
    pytest.importorskip("onnxruntime", reason="needs ONNX Runtime: pip install onnxruntime")
    for name, last in (("model.safetensors", 3.0), ("next.safetensors", 5.0)):
        write(tmp_path / name, **model(last))
    files = [(tmp_path / name).read_bytes() for name in ("model.safetensors", "next.safetensors")]
    (tmp_path / "update.patch").write_bytes(delta(*files))
    exchange.write_onnx(tmp_path / "model.safetensors", tmp_path / "model.onnx")
    program = blocks("device.md") + "\nprint(model.has_item('318'), model.unknown_items(['318', '7']), best[0][0])"
    assert ran(program, tmp_path).splitlines()[-1] == "True ['7'] 2"
    assert (tmp_path / "model-2.safetensors").read_bytes() == files[1]


def test_the_guide_to_metrics(tmp_path, catalogue, quick):
    import sparserec

    lines = [
        f"u{u},{i},{n}"
        for n, (u, i) in enumerate(zip(catalogue.interactions.rows(), catalogue.interactions.indices, strict=True))
    ]
    (tmp_path / "ratings.csv").write_text("\n".join(["userId,movieId,timestamp", *lines]) + "\n")
    run = sparserec.train(str(tmp_path / "ratings.csv"), tmp_path / "run", **{**quick, "epochs": 1})
    run.export(tmp_path / "model.safetensors")
    ran(blocks("metrics.md"), tmp_path)
