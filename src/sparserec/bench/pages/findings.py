"""What was found, one line each, and the short parts of the README; every figure is read from a results file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sparserec.bench import comparisons
from sparserec.bench.convergence import AS_PUBLISHED, STILL_RISING
from sparserec.bench.data import AGAIN
from sparserec.bench.pages import factorisation, history
from sparserec.bench.pages.files import result
from sparserec.bench.pages.markdown import percent, table, wrap
from sparserec.bench.pages.paper import PUBLISHED_GAIN, SEEDS, Gain, gains_by_part
from sparserec.bench.paper import OURS
from sparserec.bench.results import Entry, Results

BUDGET = 12.0
"""Bytes an item that the findings are about."""
Row = dict[str, Any]


def findings(folder: Path, _: str) -> list[str]:
    """A list, a finding an item, each with the page that shows it."""
    every = [*_bytes(folder), *_others(folder), *_method(folder), *_costs(folder)]
    named = [(words, page.partition(".")[0].replace("_", " "), page) for words, page in every]
    return [line for words, name, page in named for line in wrap(f"- {words} ([{name}](results/{page}))")]


def _bytes(folder: Path) -> list[tuple[str, str]]:
    lines: list[tuple[str, str]] = []
    for data in ("gowalla", "yelp2018"):
        rows = history.measured(folder)
        ours = history.mean(history.ours(rows, data, BUDGET), history.NDCG) or 0.0
        gain = {name: percent(by_size[BUDGET]) for name, by_size in history.gains(rows, folder, data).items()}
        apple = next(row for row in result(folder, "createml")["rows"] if row["data"] == data)
        words = f"{data}, {BUDGET:g} bytes an item: NDCG@20 {ours:.4f}, {gain[history.CODES]} against product "
        words += f"quantisation of as many bytes, {gain['dense teacher']} against the dense teacher of 6 kB an item, "
        words += f"{gain['LightGCN, as published']} against LightGCN as published."
        lines.append((words, "bytes.md"))
        words = f"{data}, beside the recommender of Create ML: {ours / apple['ndcg']:.1f} times its NDCG@20, at "
        words += f"{BUDGET:g} bytes an item beside {apple['bytes an item']:,}."
        lines.append((words, "bytes.md#create-ml"))
    signs = [sign for _, _, sign in factorisation.signs(folder)]
    words = f"Matrix factorisation beside others of as many bytes: clearly ahead in {signs.count(1)} of {len(signs)} "
    return [*lines, (f"{words}comparisons, clearly behind in {signs.count(-1)}.", "factorisation.md")]


def _others(folder: Path) -> list[tuple[str, str]]:
    pairs, outside, dense = rivals(folder), result(folder, "outside"), result(folder, "published")
    ahead = sum(ours["test ndcg@20"] > best["test ndcg@20"] for ours, best in pairs)
    sizes = [best["bytes an item"] for _, best in pairs]
    words = (
        f"Beside the best of ItemKNN, RP3beta, EASE and iALS, each tuned on the data: ahead in NDCG@20 on {ahead} of "
    )
    words += f"{len(pairs)} data sets, at {BUDGET:g} bytes an item where they take {min(sizes):,.0f} to "
    split = f"Amazon-book as split by KGAT, on which nothing was tuned: NDCG@20 {outside['test ndcg@20']:.4f}; KGCL, a "
    split += f"dense model with a graph of facts, is published with {outside['test ndcg@20, KGCL as published']:.4f}."
    again = (
        f"Dense LightGCN trained here is at {dense['test ndcg@20, against published']} of its published NDCG@20 and "
    )
    again += f"{dense['test recall@20, against published']} of its recall."
    return [
        (f"{words}{max(sizes):,.0f}.", "accuracy.md"),
        (split, "accuracy.md#a-published-split-that-nothing-was-tuned-on"),
        (again, "reproduction.md"),
    ]


def _paper(folder: Path) -> tuple[str, Gain, str, str, str]:
    """What ours is worth where all have three seeds, its best gain there and where, and the lowest density of mf."""
    parts = gains_by_part(Results(folder / "short_training.jsonl").entries())
    every = [(part, gain) for part, of_part in parts.items() for gain in of_part if gain.ours == OURS]
    sure = [(part, gain) for part, gain in every if gain.seeds >= SEEDS]
    part, best = max(sure, key=lambda pair: pair[1].share)
    signs = [gain.clear for _, gain in sure]
    fewest = min(gain.density for _, gain in every)
    behind = [gain.share for (_, base), gain in every if base == "mf" and gain.density == fewest]
    first = f"clearly ahead in {signs.count(1)} of {len(sure)} cells measured with three seeds, clearly behind in "
    first += f"{signs.count(-1)}"
    return first, best, ", ".join(part), f"{fewest:g}", " and ".join(percent(share, 2) for share in behind)


def _method(folder: Path) -> list[tuple[str, str]]:
    first, best, where, fewest, behind = _paper(folder)
    words = f"The paper's method, in short trainings from a shared start: {first}; {percent(best.share, 2)} at most "
    last = f"At density {fewest}, about one parameter a row, a mask that never moves ranks better in short trainings "
    return [
        (f"The paper's method, all trained to the end: {_ended(folder)}.", "paper.md"),
        (f"{words}({where}, density {best.density:g}).", "short_training.md"),
        (f"{last}of matrix factorisation: {behind} for the method{_fixed(folder, float(fewest))}.", "trials.md"),
    ]


def _ended(folder: Path) -> str:
    """What ours is worth where each method was trained to its end: sentences."""
    entries = Results(folder / "paper.jsonl").entries()
    equal = comparisons.from_equal_starts(comparisons.compared(entries))
    ahead, behind, rest = (comparisons.by_verdict(equal, verdict) for verdict in comparisons.VERDICTS.values())
    words = f"from equal starts clearly ahead in {len(ahead)} of {len(equal)} comparisons{_where(ahead, entries)}, "
    words += f"clearly behind in {len(behind)}{_where(behind, entries)}"
    if rest:
        words += f"; {len(rest)} are not clear, {' to '.join(dict.fromkeys(_percent(one) for _, one in _ends(rest)))}"
    return words + _published(entries)


def _published(entries: Sequence[Entry]) -> str:
    """What ours is worth beside the best other that moves its mask, each as published: a sentence, or nothing."""
    every = comparisons.compared(entries)
    moving = [each for each in every if each[1].words == comparisons.PUBLISHED_MOVING and each[1].apart]
    if not moving:
        return ""
    (little, _, _), least = _ends(moving)[0]
    cell, most = _ends(moving)[1]
    words = f". Each as published, beside the best other that moves its mask: {_percent(least)} on {_plain(little)} "
    words += f"({least.best}, {_clear(least)}) to {_percent(most)} on {_plain(cell[0])} ({most.best}, {_clear(most)}"
    if most.rising >= STILL_RISING:
        words += f", still gaining {100 * most.rising:.1f} % in the last tenth of its epochs"
    words += ")"
    if beside := dict(comparisons.beside_fixed(comparisons.cells_of(entries)[cell])).get(AS_PUBLISHED[OURS]):
        words += f", where it is {percent(beside.percent / 100, 2)} beside a fixed mask from its own start"
    return words


def _ends(found: Sequence[comparisons.Found]) -> tuple[comparisons.Found, comparisons.Found]:
    """The least and the largest gain."""

    def share(each: comparisons.Found) -> float:
        return each[1].share

    return min(found, key=share), max(found, key=share)


def _where(found: Sequence[comparisons.Found], entries: Sequence[Entry]) -> str:
    """The gain of each, its data, and whose settings where they are those of another cell."""
    gains = []
    for (data, _, density), one in found:
        settings = comparisons.whose(entries, one.job)
        elsewhere = "" if settings in (comparisons.OWN, comparisons.WHOLE) else f" with settings {settings}"
        gains.append(f"{_percent(one)} on {_plain(data)} at density {density:g}{elsewhere}")
    return f" (NDCG@20 {', '.join(gains)})" if gains else ""


def _plain(data: str) -> str:
    """A data set in words."""
    return data.replace(AGAIN, " cut anew")


def _percent(one: comparisons.Compared) -> str:
    return percent(one.share, 2)


def _clear(one: comparisons.Compared) -> str:
    return "clear" if one.apart and one.apart.clear else "not clear"


def method(folder: Path, _: str) -> list[str]:
    """What the paper's method gives, for the README."""
    return wrap(
        "**The paper's method**, masks that move to where accumulated gradients of sampled rows point, beside other "
        f"methods of dynamic sparse training, [all trained to the end](docs/results/paper.md): {_ended(folder)}. The "
        f"abstract claims up to {PUBLISHED_GAIN} % over methods as published."
    )


def _fixed(folder: Path, density: float) -> str:
    """Ours beside a fixed mask from one start, trained to the end; empty where it isn't known.

    A random one is left out: with so few parameters a row hardly anything can be learned if it stays.
    """
    cells = comparisons.cells_of(Results(folder / "paper.jsonl").entries())
    found = [
        f"{percent(gap.percent / 100, 2)} from one {start} on {data}"
        for (data, base, known), lines in cells.items()
        if base == "mf" and known == density
        for start, gap in comparisons.beside_fixed(lines)
        if start != "random"
    ]
    return f", and trained to the end {', '.join(found)}" if found else ""


def _costs(folder: Path) -> list[tuple[str, str]]:
    job, small, large = (result(folder, name) for name in ("main_job_history", "table_memory", "large_catalogue"))
    device, browser, fuzz = (result(folder, name) for name in ("device", "browser", "fuzzing"))
    ratios = [row["ratio"] for row in result(folder, "training_step")["rows"]]
    faster = [row["ratio"] for row in result(folder, "devices")["rows"]]
    call = next(h["sparserec"]["p50 ms"] for h in device["histories"] if (h["size"], h["kind"]) == (30, "random"))
    train = f"The default recipe trains on gowalla in {job['train s'] / 60:.0f} minutes on two cores, with "
    step = f"A sparse step takes {min(ratios):.2f} to {max(ratios):.2f} of the time of a dense one in torch; on a CUDA "
    room = (
        f"Training a sparse table takes {100 * small['rows'][0]['share of dense']:.0f} % of the memory of dense Adam; "
    )
    room += f"{large['rows']:,} rows of {large['dim']} columns are trained in {large['peak RSS bytes'] / 1e9:.1f} GB."
    answer = f"A recommendation out of {device['items']:,} items takes {call:.2f} ms in Python and "
    answer += f"{browser['history of 30']['p50 ms']:.2f} ms in a browser, opening the file {device['opening ms']:.0f} "
    hostile = f"Of {fuzz['inputs']:,} hostile files {len(fuzz['finds'])} did anything else than open or be refused."
    return [
        (f"{train}{job['peak RSS of training MB'] / 1000:.1f} GB at the peak.", "time.md"),
        (f"{step}device it is {min(faster):g} to {max(faster):g} times as fast as on the CPU.", "time.md"),
        (room, "memory.md"),
        (f"{answer}and {browser['opening ms']:.0f} ms.", "device.md"),
        (hostile, "device.md#hostile-files"),
    ]


def rivals(folder: Path) -> list[tuple[Row, Row]]:
    """Ours on each data set, and the rival that its validation part liked best."""
    rows, pairs = result(folder, "rivals")["rows"], []
    for data in dict.fromkeys(row["data"] for row in rows):
        ours, *others = (row for row in rows if row["data"] == data)
        pairs.append((ours, max((r for r in others if r["valid ndcg@20"] != "-"), key=lambda r: r["valid ndcg@20"])))
    return pairs


def at_one_budget(folder: Path, _: str) -> list[str]:
    """The README's table: ours on five data sets, beside the best of the tuned classical recommenders."""
    rows = []
    for ours, best in rivals(folder):
        accuracy = [[f"{row[f'test {name}@20']:.4f}" for name in ("recall", "ndcg")] for row in (ours, best)]
        rows.append([ours["data"], ours["items"], *accuracy[0], best["recommender"], f"{best['bytes an item']:,.0f}"])
        rows[-1] += accuracy[1]
    head = ["data", "items", "Recall@20", "NDCG@20", "best of four others", "its bytes an item"]
    return table([*head, "its Recall@20", "its NDCG@20"], rows)
