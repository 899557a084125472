"""An encoding is added to the browser runtime by one file and its line in the table, and answers as Python does."""

from __future__ import annotations

import json
import re
import shutil
import sys

import numpy as np
import pytest
from places import ROOT, WEB

from sparserec.artefact import CODECS, TableData, write
from sparserec.device import Recommender
from sparserec.vocabulary import Vocabulary

sys.path.append(str(ROOT / "tests" / "artefact"))
from encoding_recipe import added, block

HERE = ROOT / "tests" / "web"
TABLE = "export const CODECS = [INT8, FLOAT16, CODED, POSITIVE];"


@pytest.fixture
def extended(tmp_path):
    """The script that answers queries, beside a copy of the runtime with the encoding of the recipe."""
    source, script = tmp_path / "web" / "src", tmp_path / "tests" / "web" / "answers.mjs"
    shutil.copytree(WEB / "src", source)
    (tmp_path / "web" / "package.json").write_text('{"type": "module"}')
    code = block("js")
    (name,) = re.findall(r"^export const (\w+)", code, re.MULTILINE)
    (source / "added.js").write_text(code)
    table = (source / "codecs.js").read_text()
    assert table.count(TABLE) == 1
    extended = f'import {{ {name} }} from "./added.js";\n' + table.replace("POSITIVE];", f"POSITIVE, {name}];")
    (source / "codecs.js").write_text(extended)
    script.parent.mkdir(parents=True)
    shutil.copy(HERE / "answers.mjs", script)
    return script


def written(folder, values_dtype: str, number: int = 0):
    n, dim, per_row = 300, 32, 5
    random = np.random.default_rng(number)
    columns = np.sort(np.argsort(random.random((n, dim)), axis=1)[:, :per_row], axis=1).reshape(-1)
    table = TableData(
        np.arange(0, n * per_row + 1, per_row), columns, random.normal(size=n * per_row).astype(np.float32), dim
    )
    path = folder / f"{values_dtype}.safetensors"
    write(path, items=table, item_ids=Vocabulary.of(map(str, range(n))), values_dtype=values_dtype)
    return path


def test_the_table_is_that_of_python(node):
    for there, (name, codec) in zip(node("table.mjs"), CODECS.items(), strict=True):
        here = {"name": name, "version": codec.version, "tensors": dict(codec.tensors)}
        assert {"dense": False} | there == here | {"dense": codec.dense}


def test_the_encoding_of_the_recipe(node, tmp_path, extended):
    queries = [{"history": ["1", "5", "77"], "k": 20, "explain": True}, {"history": ["299"], "k": 300}]
    (tmp_path / "queries.json").write_text(json.dumps(queries))
    with added() as name:
        for values_dtype in (name, "int8", "coded"):
            model = written(tmp_path, values_dtype)
            first, second = node(extended, model, tmp_path / "queries.json")
            recommender = Recommender.open(model)
            for answer, query in ((first, queries[0]), (second, queries[1])):
                expected = recommender.recommend(query["history"], k=query["k"])
                assert [item for item, *_ in answer] == [item for item, _ in expected]
                np.testing.assert_allclose([row[1] for row in answer], [score for _, score in expected], rtol=1e-6)


def test_the_runtime_as_it_is_refuses_it(node, tmp_path):
    with added() as name:
        model = written(tmp_path, name)
    with pytest.raises(
        AssertionError, match="format version '4' is not supported; this module reads version 1, 2 or 3"
    ):
        node("answers.mjs", model, "no queries")
