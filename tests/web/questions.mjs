// Opens a model and asks it: node questions.mjs MODEL QUESTIONS.json, a list of [method, arguments], prints for each what
// it answers, recommendations as pairs, or `{ error }` with the message of a SparserecError.
import { readFileSync } from "node:fs";
import { Recommender, SparserecError } from "../../web/src/index.js";

const [path, questions] = process.argv.slice(2);
const model = await Recommender.open(readFileSync(path));
const pair = (one) => (one?.because === undefined ? [one.item, one.score] : [one.item, one.score, one.because.map((r) => [r.item, r.share])]);
const plain = (answer) => {
  if (!Array.isArray(answer) && !(answer instanceof Float32Array)) return answer;
  return Array.from(answer, (one) => (typeof one === "object" ? pair(one) : one));
};
const answers = JSON.parse(readFileSync(questions, "utf-8")).map(([method, given]) => {
  try {
    return plain(model[method](...given));
  } catch (error) {
    if (!(error instanceof SparserecError)) throw error;
    return { error: error.message };
  }
});
console.log(JSON.stringify(answers));
