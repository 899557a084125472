// The ways to store values that the browser runtime knows: node table.mjs prints what each says of itself.
import { CODECS } from "../../web/src/codecs.js";

console.log(JSON.stringify(CODECS));
