// Opens a model and answers queries: node answers.mjs MODEL QUERIES.json prints a list of lists of pairs.
import { readFileSync } from "node:fs";
import { Recommender } from "../../web/src/index.js";

const [model, queries] = process.argv.slice(2);
const recommender = await Recommender.open(readFileSync(model));
const answers = JSON.parse(readFileSync(queries, "utf-8")).map((query) =>
  recommender
    .recommend(query)
    .map(({ item, score, because }) => (because === undefined ? [item, score] : [item, score, because.map((r) => [r.item, r.share])])),
);
console.log(JSON.stringify(answers));
