// Whether the order of a history counts: node ordered.mjs MODEL prints true or false.
import { readFileSync } from "node:fs";
import { Recommender } from "../../web/src/recommender.js";

const model = await Recommender.open(readFileSync(process.argv[2]));
console.log(JSON.stringify(model.ordered));
