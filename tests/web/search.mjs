// Searches titles: node search.mjs TITLES.json QUERIES.json [PLACES.json] prints what `find` gives for each query.
import { readFileSync } from "node:fs";
import { Search } from "../../web/page/search.js";

const [titles, queries, places] = process.argv.slice(2).map((path) => JSON.parse(readFileSync(path, "utf-8")));
const search = new Search(titles, places);
console.log(JSON.stringify(queries.map((query) => search.find(query))));
