// Opens one file in every way it can be given, from this realm and another, and with ids of every type: node sources.mjs
// FILE prints what each gave: the first recommendation, or `{ error }`.
import { readFileSync } from "node:fs";
import vm from "node:vm";
import { Recommender, SparserecError } from "../../web/src/index.js";

const file = readFileSync(process.argv[2]);
const elsewhere = vm.createContext({});
const copied = (buffer) => {
  new Uint8Array(buffer).set(file);
  return buffer;
};
const inside = (Buffer_, Array_) => {
  const buffer = new Buffer_(file.length + 7);
  const view = new Array_(buffer, 3, file.length);
  view.set(file);
  return view;
};
const foreign = (name) => vm.runInContext(name, elsewhere);
const sources = {
  buffer: copied(new ArrayBuffer(file.length)),
  "foreign buffer": copied(new (foreign("ArrayBuffer"))(file.length)),
  shared: copied(new SharedArrayBuffer(file.length)),
  "foreign shared": copied(new (foreign("SharedArrayBuffer"))(file.length)),
  "view of shared": inside(SharedArrayBuffer, Uint8Array),
  "foreign view": inside(foreign("ArrayBuffer"), foreign("Uint8Array")),
  "data view": new DataView(inside(ArrayBuffer, Uint8Array).buffer, 3, file.length),
  blob: new Blob([file]),
  response: new Response(file),
  number: 7,
  nothing: null,
  list: [1, 2],
};
const outcomes = {};
const answered = (name, ask) => {
  try {
    outcomes[name] = ask();
  } catch (error) {
    if (!(error instanceof SparserecError)) throw error;
    outcomes[name] = { error: error.message };
  }
};
for (const [name, source] of Object.entries(sources)) {
  try {
    const model = await Recommender.open(source);
    if (name.includes("shared")) new Uint8Array(source.buffer ?? source).fill(0); // others may write what is theirs
    outcomes[name] = model.recommend({ history: [1], k: 1 })[0].item;
  } catch (error) {
    if (!(error instanceof SparserecError)) throw error;
    outcomes[name] = { error: error.message };
  }
}
const model = await Recommender.open(sources.blob);
answered("a number that lost digits", () => model.recommend({ history: [JSON.parse("9007199254740993")] }));
answered("lost digits in hasItem", () => model.hasItem(2 ** 53));
answered("lost digits in score", () => model.score([-(2 ** 53)], { history: [1] }));
answered("a BigInt", () => model.recommend({ history: [9007199254740993n], k: 1 })[0].item);
answered("its text", () => model.hasItem("9007199254740993"));
answered("a symbol in the list", () => model.hasItem(Object.create(null)));
console.log(JSON.stringify(outcomes));
