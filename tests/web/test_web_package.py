"""The npm package: packed, installed, imported, its types checked; the wheel has the same files."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from places import GOLDEN, ROOT, WEB

from sparserec import __version__
from sparserec.page.write import WEB as SHIPPED


def called(*command: object, folder: Path) -> str:
    done = subprocess.run(list(map(str, command)), cwd=folder, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def installed(tmp_path_factory) -> Path:
    """A folder with the package installed from what `npm pack` makes."""
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip("needs npm, which comes with Node.js")
    folder = tmp_path_factory.mktemp("npm")
    called(npm, "pack", "--pack-destination", folder, folder=WEB)
    (archive,) = folder.glob("sparserec-*.tgz")
    home = folder / "home"
    home.mkdir()
    (home / "package.json").write_text('{"name": "home", "private": true, "type": "module"}')
    called(npm, "install", "--offline", "--no-audit", "--no-fund", "--no-package-lock", archive, folder=home)
    return home


def test_the_package_is_that_of_this_version_and_depends_on_nothing():
    package = json.loads((WEB / "package.json").read_text())
    assert package["version"] == __version__
    assert package["license"] == "Apache-2.0"
    assert not package.keys() & {"dependencies", "peerDependencies", "optionalDependencies", "scripts"}
    assert (WEB / "LICENSE").read_bytes() == (ROOT / "LICENSE").read_bytes()


def test_modules_import_each_other_and_nothing_else():
    for path in WEB.rglob("*.js"):
        if "node_modules" in path.parts:
            continue
        for address in re.findall(r'(?:from|import) ?\(?"([^"]+)"', path.read_text(encoding="utf-8")):
            assert address.startswith("."), f"{path.name} imports {address}"
            assert (path.parent / address).is_file(), f"{path.name} imports {address}"


def test_the_installed_package_answers(installed):
    (installed / "use.js").write_text(
        """
        import { readFileSync } from "node:fs";
        import { Recommender, SparserecError } from "sparserec";
        const model = await Recommender.open(readFileSync(process.argv[2]));
        const known = await Recommender.open(new ArrayBuffer(3)).catch((error) => error instanceof SparserecError);
        console.log(JSON.stringify([known, model.recommend({ history: ["item 3"], k: 5 })]));
        """
    )
    model = GOLDEN / "golden.safetensors"
    known, rows = json.loads(called("node", "use.js", model, folder=installed))
    expected = json.loads((GOLDEN / "expected.json").read_text(encoding="utf-8"))[0]["answer"]
    assert known is True
    assert [[row["item"], pytest.approx(row["score"])] for row in rows] == expected


USE = """
import { Recommender, SparserecError, type Explained, type ModelCard, type Recommendation } from "sparserec";

export async function all(file: File): Promise<string> {
  const model: Recommender = await Recommender.open(file, { verifyDigest: false, signal: AbortSignal.timeout(9) });
  const plain: Recommendation[] = model.recommend({ history: [318, "296"], k: 3, exclude: new Set(["1"]) });
  const explained: Explained[] = model.recommend({ history: model.itemIds, candidates: ["2"], explain: true });
  const card: ModelCard = model.card;
  const scores: Float32Array = model.score(["1"], { user: "u" });
  const share: number | undefined = explained[0]?.because[0]?.share;
  const again = { history: [9007199254740993n], dislikes: ["2"], excludeHistory: false, unknown: "ignore" } as const;
  const found: Recommendation[] = [...model.recommend(again), ...model.popular(), ...model.similar(1, { k: 3 })];
  const left: string[] = model.unknownItems([found.length, 2n]);
  const shared: Recommender = await Recommender.open(new SharedArrayBuffer(left.length));
  // @ts-expect-error unknown ids are an error or ignored
  shared.recommend({ history: ["1"], unknown: "skip" });
  // @ts-expect-error a recommendation without explain has no reasons
  plain[0].because;
  // @ts-expect-error ids are texts or numbers
  model.recommend({ history: [true] });
  // @ts-expect-error models are opened, not made
  new Recommender();
  const error = new SparserecError("no");
  return [card.dim, scores.length, share, error.name, model.hasItem(1), model.nbytes, model.fileBytes].join();
}
"""


def test_the_types_are_those_of_the_module(installed):
    tsc = shutil.which("tsc", path=WEB / "node_modules" / ".bin") or shutil.which("tsc")
    if tsc is None:
        pytest.skip("needs the TypeScript compiler: npm install, in the folder web")
    (installed / "use.ts").write_text(USE)
    options = ["--noEmit", "--strict", "--target", "es2022", "--module", "nodenext", "--lib", "es2022,dom", "--types"]
    called(tsc, *options, "", "use.ts", folder=installed)


def test_every_member_of_the_module_is_declared(installed):
    (installed / "members.js").write_text(
        """
        import * as module from "sparserec";
        const members = Object.getOwnPropertyNames(module.Recommender.prototype);
        console.log(JSON.stringify([Object.keys(module), members]));
        """
    )
    names, members = json.loads(called("node", "members.js", folder=installed))
    declared = (WEB / "src" / "index.d.ts").read_text(encoding="utf-8")
    assert set(names) == set(re.findall(r"^export class (\w+)", declared, re.MULTILINE))
    body = declared[declared.index("export class Recommender") :]
    assert set(members) == set(re.findall(r"^  (?:readonly |private )?(\w+)(?:\(|:)", body, re.MULTILINE))


def test_the_python_package_has_the_same_files():
    """One place for them: the Python package's folder leads to that of the npm package."""
    assert SHIPPED.resolve() == WEB
