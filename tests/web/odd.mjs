// Opens one file in ways that are refused, and asks with what is no id: node odd.mjs FILE prints for each what came of
// it, the message of a SparserecError, or the name and message of any other error.
import { readFileSync } from "node:fs";
import { Recommender } from "../../web/src/index.js";

const file = readFileSync(process.argv[2]);
const outcomes = {};
async function tried(name, ask) {
  try {
    const answer = await ask();
    outcomes[name] = answer instanceof Recommender ? answer.nItems : answer;
  } catch (error) {
    const { name: kind, message } = error;
    outcomes[name] = kind === "SparserecError" ? { refused: message } : { error: `${kind}: ${message}` };
  }
}

const gone = (viewed) => {
  const bytes = Uint8Array.from(file);
  const source = viewed(bytes.buffer);
  structuredClone(bytes.buffer, { transfer: [bytes.buffer] });
  return source;
};
await tried("a detached buffer", () => Recommender.open(gone((buffer) => buffer)));
await tried("a view of one", () => Recommender.open(gone((buffer) => new Uint8Array(buffer))));
await tried("a data view of one", () => Recommender.open(gone((buffer) => new DataView(buffer))));
await tried("a request", () => Recommender.open(new Request("https://example.org/model.safetensors")));
await tried("options null", () => Recommender.open(file, null));
await tried("options undefined", () => Recommender.open(file, undefined));
const ended = new AbortController();
ended.abort(null);
const { signal } = ended;
await tried("a request that ended for nothing", () => Recommender.open("https://example.org/m", { signal }));

const model = await Recommender.open(file);
const noIds = {
  undefined: undefined,
  null: null,
  true: true,
  NaN: NaN,
  Infinity: Infinity,
  1.5: 1.5,
  "Symbol(i1)": Symbol("i1"),
  "a list": ["i1"],
  "an object": {},
};
noIds["an object "] = Object.create(null);
noIds["an object  "] = () => "i1";
noIds["an object   "] = new String("i1");
const history = ["i1"];
const unknown = "ignore";
const ways = {
  history: (id) => model.recommend({ history: [id] }),
  exclude: (id) => model.recommend({ history, exclude: [id], unknown }),
  candidates: (id) => model.recommend({ history, candidates: [id], unknown }),
  dislikes: (id) => model.recommend({ history, dislikes: [id], unknown }),
  user: (id) => model.recommend({ user: id }),
  item: (id) => model.similar(id),
  items: (id) => model.score([id], { history }),
  ids: (id) => model.unknownItems([id]),
  "": (id) => model.hasItem(id),
};
for (const [way, ask] of Object.entries(ways)) {
  for (const [name, id] of Object.entries(noIds)) {
    if (way !== "user" || id != null) await tried(`${way}: ${name}`, () => ask(id));
  }
}
const bare = Object.create(null);
await tried("no list", () => model.recommend({ history: bare }));
await tried("no unknown", () => model.recommend({ history, unknown: bare }));
await tried("no k", () => model.popular({ k: bare }));
await tried("nothing similar", () => model.similar());
await tried("7", () => [7, 7.0, 7n, "7", -0].map((id) => model.hasItem(id)));
console.log(JSON.stringify(outcomes));
