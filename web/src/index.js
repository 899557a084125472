/** The browser runtime of sparserec: recommendations from one exported file, without dependencies. */

export { SparserecError } from "./error.js";
export { Recommender } from "./recommender.js";
