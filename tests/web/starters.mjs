// Items to begin with: node starters.mjs MODEL prints their ids in order.
import { readFileSync } from "node:fs";
import { Recommender } from "../../web/src/recommender.js";
import { popularity, starters } from "../../web/page/starters.js";

const model = await Recommender.open(readFileSync(process.argv[2]));
console.log(JSON.stringify(starters(model, popularity(model).order)));
