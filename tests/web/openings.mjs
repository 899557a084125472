// Opens files with all checks and says what came of each: node openings.mjs LIST.json, a list of paths, prints for
// each `{ opened, error, name }` and the most memory in array buffers that an opening took beyond the file.
import { readFileSync } from "node:fs";
import { Recommender } from "../../web/src/index.js";

const outcomes = [];
for (const path of JSON.parse(readFileSync(process.argv[2], "utf-8"))) {
  const file = readFileSync(path);
  const bytes = file.buffer.slice(file.byteOffset, file.byteOffset + file.byteLength);
  globalThis.gc(); // leaves dead buffers to a thread beside, for which the second one waits
  globalThis.gc();
  const before = process.memoryUsage().arrayBuffers;
  try {
    const model = await Recommender.open(bytes);
    const taken = process.memoryUsage().arrayBuffers - before;
    const first = model.recommend({ history: [model.itemIds[0]], k: 2 });
    const ids = model.itemIds;
    // Each id as the one candidate, asked for by another: it must be found, and come back as it is.
    const few = ids.length <= 200;
    const one = (id, row) => model.recommend({ history: [ids[(row + 1) % ids.length]], candidates: [id], k: 1 })[0];
    const found = few && ids.length > 1 ? ids.map((id, row) => ids.indexOf(one(id, row).item)) : [];
    outcomes.push({ opened: true, taken, kept: model.nbytes, first: first.length, ids: few ? ids : [], found });
  } catch (error) {
    outcomes.push({ opened: false, name: error.name, error: error.message, taken: process.memoryUsage().arrayBuffers - before });
  }
}
console.log(JSON.stringify(outcomes));
