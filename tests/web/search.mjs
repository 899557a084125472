// Searches titles: node search.mjs TITLES.json QUERIES.json prints `{ rows, matches }` for each query.
import { readFileSync } from "node:fs";
import { Search } from "../../web/page/search.js";

const [titles, queries] = process.argv.slice(2).map((path) => JSON.parse(readFileSync(path, "utf-8")));
const search = new Search(titles);
console.log(JSON.stringify(queries.map((query) => search.find(query))));
