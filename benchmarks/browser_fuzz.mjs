// Damages files at random and opens them with the browser runtime under Node.js. Each must open, or be refused with
// SparserecError; seven of eight are opened without the digest, so that damage reaches what comes after it.
//
//     node benchmarks/browser_fuzz.mjs COUNT SEED FILE...
//
// prints JSON: how many were tried, opened and refused, the slowest opening, and all other errors.
//
//     node benchmarks/browser_fuzz.mjs compare FILE
//
// opens the artefacts of a file of benchmarks/fuzzing.py, and prints how many, and those that Python says otherwise of:
// each must open here where it does there, with the same ids, or be refused in both.
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { Recommender, SparserecError } from "../web/src/index.js";

if (process.argv[2] === "compare") {
  console.log(JSON.stringify(await compared(readFileSync(process.argv[3]))));
  process.exit(0);
}

async function compared(file) {
  const result = { compared: 0, differ: [] };
  for (let at = 0; at < file.length; result.compared += 1) {
    const end = file.indexOf(0x0a, at);
    const { number, bytes, verify, ids } = JSON.parse(file.subarray(at, end).toString());
    at = end + 1 + bytes;
    const said = await idsOf(Uint8Array.from(file.subarray(end + 1, at)), verify);
    if (JSON.stringify(said) !== JSON.stringify(ids)) result.differ.push({ number, error: `here ${said}, there ${ids}` });
  }
  return result;
}

/** How many ids a file has, and a digest of them; null where it is refused, and a text where it should not end so. */
async function idsOf(data, verifyDigest) {
  try {
    const model = await Recommender.open(data, { verifyDigest });
    const ids = [...model.itemIds, ...model.userIds];
    const first = model.itemIds.slice(0, 3);
    model.recommend({ history: model.itemIds.slice(0, 2), k: 3, explain: model.explains });
    model.recommend({ history: [...first, first[0]], dislikes: first.slice(1, 2), excludeHistory: false, explain: model.explains });
    model.popular({ k: 2 });
    model.similar(first[0], { k: 2 });
    return [ids.length, createHash("sha256").update(ids.join("\0")).digest("hex")];
  } catch (error) {
    return error instanceof SparserecError ? null : String(error.stack).slice(0, 300);
  }
}

const [count, seed, ...paths] = process.argv.slice(2);
const originals = paths.map((path) => new Uint8Array(readFileSync(path)));
const INTERESTING = [0, 1, 2, 20, 21, 0x7c, 0x7f, 0x80, 0xfc, 0xff];

/** Numbers below `limit` from a seed: xorshift. */
let state = (Number(seed) * 2654435761) >>> 0 || 1;
function below(limit) {
  state ^= state << 13;
  state ^= state >>> 17;
  state ^= state << 5;
  return (state >>> 0) % limit;
}

const EDITS = [
  (data) => data.with(below(data.length), below(256)),
  (data) => data.with(below(data.length), INTERESTING[below(INTERESTING.length)]),
  (data) => {
    const at = below(data.length);
    return data.with(at, data[at] ^ (1 << below(8)));
  },
  (data) => data.slice(0, below(data.length)),
  (data) => spliced(data, below(data.length), below(9), new Uint8Array(0)),
  (data) => spliced(data, below(data.length), 0, Uint8Array.from({ length: 1 + below(8) }, () => below(256))),
  (data) => {
    const from = below(data.length);
    return spliced(data, below(data.length), 0, data.slice(from, from + below(64)));
  },
  digits,
];

function spliced(data, at, removed, added) {
  const kept = data.subarray(Math.min(at + removed, data.length));
  const made = new Uint8Array(at + added.length + kept.length);
  made.set(data.subarray(0, at));
  made.set(added, at);
  made.set(kept, at + added.length);
  return made;
}

/** Another digit for one in the header: sizes, offsets, the card's numbers. */
function digits(data) {
  const end = Math.min(data.length, 4096);
  for (let tries = 0; tries < 40; tries += 1) {
    const at = 8 + below(Math.max(1, end - 8));
    if (data[at] >= 0x30 && data[at] <= 0x39) return data.with(at, 0x30 + below(10));
  }
  return data;
}

const result = { tried: 0, opened: 0, refused: 0, "slowest ms": 0, "other errors": [] };
for (; result.tried < Number(count); result.tried += 1) {
  let data = originals[below(originals.length)];
  for (let edits = 1 + below(3); edits > 0 && data.length > 0; edits -= 1) data = EDITS[below(EDITS.length)](data);
  const began = performance.now();
  try {
    const model = await Recommender.open(data, { verifyDigest: below(8) === 0 });
    model.recommend({ history: model.itemIds.slice(0, 2), k: 3, explain: true });
    result.opened += 1;
  } catch (error) {
    if (error instanceof SparserecError) result.refused += 1;
    else if (result["other errors"].length < 20) result["other errors"].push(String(error.stack));
  }
  result["slowest ms"] = Math.max(result["slowest ms"], Math.round(performance.now() - began));
}
console.log(JSON.stringify(result));
