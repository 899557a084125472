"""Training on a CUDA device, held to what the CPU gives; and which device is chosen."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file

import sparserec
from sparserec.errors import SparserecError
from sparserec.tables import choose_device
from sparserec.training.checkpoint import load_state

BASES = {"mf": {}, "lightgcn": {"l2": 0.01}, "neumf": {}}


def trained(catalogue, quick, folder, device, **settings):
    return sparserec.train(catalogue, folder, device=device, **{**quick, **settings})


@pytest.mark.gpu
@pytest.mark.parametrize("loss", ["softmax", "bpr"])
@pytest.mark.parametrize("base", BASES)
def test_a_few_steps_give_the_same_tables_as_on_the_cpu(catalogue, quick, tmp_path, base, loss):
    own = {**BASES[base], "model": base, "loss": loss, "epochs": 1, "batch_size": 1024, "n_negatives": 8}
    tables = [
        load_state(trained(catalogue, quick, tmp_path / device, device, **own).folder / "checkpoint.safetensors")[0]
        for device in ("cpu", "cuda")
    ]
    assert tables[0].keys() == tables[1].keys()
    for name, expected in tables[0].items():
        if name.startswith("output"):  # its last number, the bias, has no gradient but rounding errors
            continue
        if expected.is_floating_point() and not name.startswith("explorer"):
            torch.testing.assert_close(
                tables[1][name], expected, rtol=2e-2, atol=2e-3, msg=lambda m, n=name: f"{n}: {m}"
            )


@pytest.mark.gpu
@pytest.mark.parametrize("method", ["static", "set", "rigl", "dsl", "sparserec", "dense", "magnitude", "pep"])
@pytest.mark.parametrize("base", BASES)
def test_every_method_does_as_well_as_on_the_cpu(catalogue, quick, tmp_path, base, method):
    own = {**BASES[base], "model": base, "method": method, "epochs": 4}
    on_cpu, on_gpu = (trained(catalogue, quick, tmp_path / where, where, **own) for where in ("cpu", "cuda"))
    assert on_gpu.parameters() == on_cpu.parameters()
    ours, theirs = (run.valid_metrics()["ndcg@20"] for run in (on_gpu, on_cpu))
    assert ours == pytest.approx(theirs, rel=0.1)


@pytest.mark.gpu
@pytest.mark.parametrize("base", BASES)
def test_the_same_run_on_the_same_device_gives_the_same_bytes(catalogue, quick, tmp_path, base):
    first, second = (
        load_file(trained(catalogue, quick, tmp_path / name, "cuda", model=base).folder / "checkpoint.safetensors")
        for name in ("first", "second")
    )
    for name, expected in first.items():
        np.testing.assert_array_equal(second[name], expected, err_msg=name)


@pytest.mark.gpu
@pytest.mark.parametrize("method", ["sparserec", "rigl", "dense"])
def test_a_run_that_was_stopped_goes_on_as_if_it_had_not(catalogue, quick, tmp_path, method):
    own = {"model": "lightgcn", "method": method}

    def stop_at(step):
        def report(progress):
            if progress.step == step:
                raise KeyboardInterrupt

        return report

    whole = trained(catalogue, quick, tmp_path / "whole", "cuda", **own)
    part = tmp_path / "part"
    steps = int(load_state(whole.folder / "checkpoint.safetensors")[1]["step"])
    with pytest.raises(KeyboardInterrupt):
        trained(catalogue, quick, part, "cuda", report=stop_at(2 * steps // 3 + 1), **own)
    again = trained(catalogue, quick, part, "cuda", resume=True, **own)
    for name, expected in load_file(whole.folder / "checkpoint.safetensors").items():
        np.testing.assert_array_equal(load_file(again.folder / "checkpoint.safetensors")[name], expected, err_msg=name)


def test_a_device_of_another_name_is_an_error(catalogue, quick, tmp_path):
    with pytest.raises(SparserecError, match="device must be one of auto, cpu, cuda, not 'tpu'"):
        trained(catalogue, quick, tmp_path, "tpu")


def test_auto_is_the_cpu_where_no_other_device_can_be_used():
    assert choose_device("auto", usable=False).type == "cpu"
    assert choose_device("cpu").type == "cpu"


def test_a_recommender_that_is_trained_on_the_cpu_can_not_be_sent_elsewhere(catalogue, tmp_path):
    with pytest.raises(SparserecError, match="this recommender is trained on the CPU"):
        sparserec.train(catalogue, tmp_path, model="fism", device="cuda")


@pytest.mark.parametrize("missing", ["device", "triton"])
def test_cuda_without_what_it_needs_is_an_error_that_says_what(monkeypatch, missing):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: missing != "device")
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(SparserecError, match="no CUDA device" if missing == "device" else "triton"):
        choose_device("cuda")
