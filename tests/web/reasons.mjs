// Which picks are named: node reasons.mjs SHARES.json, a list of `{ pick: share }`, prints a list of names for each.
import { readFileSync } from "node:fs";
import { reasons } from "../../web/page/reasons.js";

const shares = JSON.parse(readFileSync(process.argv[2], "utf-8"));
const recommended = shares.map((row) => ({
  because: Object.entries(row).map(([item, share]) => ({ item, share })).sort((a, b) => b.share - a.share),
}));
const picks = process.argv[3].split(",");
console.log(JSON.stringify(reasons(recommended, picks)));
