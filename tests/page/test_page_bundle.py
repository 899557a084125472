"""Modules become one script that does the same."""

import shutil
import subprocess

import pytest

from sparserec import SparserecError
from sparserec.page.bundle import bundle
from sparserec.page.write import WEB


def modules(tmp_path, **texts):
    for name, text in texts.items():
        (tmp_path / f"{name}.js").write_text(text)
    return tmp_path / "main.js"


MAIN = """import { a } from "./a.js";
import {
  b,
  c,
} from "./b.js";
const x = 1;
console.log(a, b(), new c().d + x);
"""
A = """import { b } from "./b.js";
const x = 10;
export const a = b() + x;
"""
B = """let x = 100;
export function b() {
  x += 1;
  return x;
}
export class c {
  d = x;
}
export async function e() {}
"""


def test_each_module_once_and_before_those_that_import_it(tmp_path):
    entry = modules(tmp_path, main=MAIN, a=A, b=B)
    text = bundle(entry)
    assert text.count("x += 1;") == 1
    assert "import" not in text
    assert "export" not in text
    node = shutil.which("node")
    if node is None:
        pytest.skip("needs Node.js to run what was made")
    done = subprocess.run([node, "--input-type=module", "-e", text], capture_output=True, text=True, check=True)
    assert done.stdout == "111 102 103\n"


COMMENTED = """/** What this module is. */

/**
 * More of it, over
 * lines.
 */
const a = "/** kept */"; // kept too
  // gone
const b = "// kept"; /* kept as well */
/** One. */ const c = 1;
/** Two. */
console.log([a, b, c].join());
"""


def test_comments_on_lines_of_their_own_are_left_out(tmp_path):
    text = bundle(modules(tmp_path, main=COMMENTED))
    kept = [
        'const a = "/** kept */"; // kept too',
        'const b = "// kept"; /* kept as well */',
        "/** One. */ const c = 1;",
        "console.log([a, b, c].join());",
    ]
    assert text.split("\n") == ["", *kept, ""]


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        ({"main": 'import { a } from "./a.js";\n'}, "a.js: cannot be read"),
        (
            {"main": 'import { a } from "./a.js";\n', "a": 'import { b } from "./main.js";\nexport const a = 1;\n'},
            "main.js imports itself",
        ),
        ({"main": 'import * as a from "./a.js";\n'}, "another form than the page can have: import \\* as a"),
        ({"main": "export default 1;\n"}, "export default 1"),
        ({"main": 'export { a } from "./a.js";\n'}, "another form"),
        ({"main": 'const a = "</SCRIPT>";\n'}, "would end the script"),
    ],
)
def test_refusals(tmp_path, texts, message):
    with pytest.raises(SparserecError, match=message):
        bundle(modules(tmp_path, **texts))


def test_the_page_can_be_made():
    text = bundle(WEB / "page" / "main.js")
    assert text.count("class Recommender ") == 1
    assert text.count("class SparserecError ") == 1
