// Runs the JavaScript of a page of the documentation as a page beside a model would: node guide.mjs PAGE.md MODEL prints
// what it prints, as a JSON list.
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

const [page, model, folder] = process.argv.slice(2);
const [, program] = /^```js\n(.*?)^```/ms.exec(readFileSync(page, "utf-8"));
const file = join(folder, "guide-program.mjs");
const module = new URL("../../web/src/index.js", import.meta.url);
writeFileSync(file, program.replaceAll('from "sparserec"', `from ${JSON.stringify(String(module))}`));
globalThis.fetch = async () => new Response(readFileSync(model));
const printed = [];
console.log = (...words) => printed.push(words);
await import(pathToFileURL(file));
process.stdout.write(JSON.stringify(printed));
