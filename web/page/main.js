/** The demo page: opens the model that is part of it, and recommends for what somebody picks. */

import { SparserecError } from "../src/error.js";
import { Recommender } from "../src/recommender.js";
import { Titles, embeddedCatalogue, embeddedModel } from "./catalogue.js";
import { byId, element, focusOn } from "./dom.js";
import { showFacts, showSize } from "./facts.js";
import { Finder } from "./finder.js";
import { showChosen, showRecommended, showStarters } from "./lists.js";
import { Memory } from "./memory.js";
import { reasons } from "./reasons.js";
import { Search } from "./search.js";
import { popularity, starters } from "./starters.js";

const SHOWN = 20;
/** So many starters at a time, until so many items are chosen. */
const STARTERS = 8;
const ENOUGH = 3;

class Page {
  #written = embeddedCatalogue();
  #titles;
  #finder;
  #model = null;
  #ids = [];
  #search = new Search([]);
  #starters = [];
  #memory = null;
  #liked = [];
  #disliked = [];
  #tag = "";
  #opened = 0;
  #times = [];

  constructor() {
    this.#finder = new Finder({
      find: (query) => this.#search.find(query),
      describe: (row) => this.#described(row),
      choose: (row) => this.#toggle(this.#ids[row]),
      announce,
    });
    byId("clear").addEventListener("click", () => {
      this.#memory.forget();
      byId("gone").hidden = true;
      this.#set([], []);
      announce("Nothing is chosen any more");
      this.#finder.focus();
    });
    byId("tag").addEventListener("change", (event) => this.#filter(event.target.value));
    byId("file").addEventListener("change", (event) => {
      const [file] = event.target.files;
      if (file !== undefined) this.open(() => file, file.name);
    });
  }

  /**
   * Open what `source` gives. When that fails, the sentence is shown, and an open model stays.
   *
   * @param {string} [file] the name of a file from the disk.
   */
  async open(source, file) {
    byId("problem").hidden = true;
    try {
      const began = performance.now();
      this.#model = await Recommender.open(source());
      this.#opened = performance.now() - began;
    } catch (error) {
      const known = error instanceof SparserecError;
      byId("problem").textContent = known ? error.message : `The model cannot be opened: ${error.message}`;
      byId("problem").hidden = false;
      return;
    }
    this.#begin(file);
    if (file !== undefined) announce(`${file} is open: ${byId("headline").textContent}`);
  }

  /** Show the model that was opened. */
  #begin(file) {
    const model = this.#model;
    this.#titles = new Titles(model, this.#written);
    this.#ids = model.itemIds;
    const { order, places } = popularity(model);
    this.#starters = starters(model, order);
    this.#search = new Search(this.#ids.map((id) => this.#titles.of(id)), places);
    this.#memory = new Memory(file);
    this.#times = [];
    this.#offerTags();
    showSize(model, this.#titles.noun);
    this.#finder.enable(`For example ${shortest(this.#starters.slice(0, STARTERS).map((id) => this.#titles.of(id)))}`);
    const { liked, disliked, gone } = this.#memory.load((id) => model.hasItem(id));
    byId("gone").textContent = `${gone} of your picks ${gone === 1 ? "is" : "are"} not in this catalogue.`;
    byId("gone").hidden = gone === 0;
    this.#set(liked, disliked);
  }

  /** The choice of tags, where items have at least two different ones. */
  #offerTags() {
    const tags = this.#titles.allTags();
    this.#tag = "";
    byId("tag").replaceChildren(
      element("option", { value: "" }, "All"),
      ...tags.map((tag) => element("option", { value: tag }, tag)),
    );
    byId("filter").hidden = tags.length < 2;
  }

  #described(row) {
    const id = this.#ids[row];
    return { title: this.#titles.of(id), tags: this.#titles.tags(id), chosen: this.#liked.includes(id) };
  }

  #toggle(id) {
    const had = this.#liked.includes(id);
    const others = this.#liked.filter((other) => other !== id);
    this.#set(had ? others : [...others, id], this.#disliked.filter((other) => other !== id));
    announce(`${had ? "Removed" : "Added"} ${this.#titles.of(id)}. Recommendations are updated.`);
  }

  #set(liked, disliked) {
    [this.#liked, this.#disliked] = [liked, disliked];
    this.#memory.save({ liked, disliked });
    this.#show();
  }

  #show() {
    const titles = this.#titles;
    const recommended = this.#recommended();
    const actions = {
      like: (id, place) => this.#like(id, place),
      dislike: (id, place) => this.#dislike(id, place),
    };
    showChosen("liked", this.#liked, titles, "Remove", (id) => this.#remove(id));
    showChosen("disliked", this.#disliked, titles, "Take back", (id) => this.#takeBack(id));
    showStarters(this.#starting(), titles, (id, place) => this.#start(id, place));
    showRecommended(recommended.map(({ item }) => item), this.#reasons(recommended), titles, actions);
    const none = this.#liked.length === 0;
    document.body.classList.toggle("empty", none);
    byId("nothing-yet").hidden = !none;
    byId("working").hidden = none;
    byId("none-left").hidden = none || recommended.length > 0;
    byId("clear").hidden = none && this.#disliked.length === 0 && byId("gone").hidden;
    byId("against").hidden = this.#disliked.length === 0;
    showFacts(this.#model, titles.noun, this.#opened, this.#times);
    byId("took").textContent = none ? "" : `On this device, in ${this.#times.at(-1).toFixed(1)} ms`;
  }

  #recommended() {
    if (this.#liked.length === 0) return [];
    const query = { history: this.#liked, dislikes: this.#disliked, k: SHOWN, explain: this.#model.explains };
    if (this.#tag !== "") query.candidates = this.#titles.withTag(this.#tag);
    const began = performance.now();
    const recommended = this.#model.recommend(query);
    this.#times.push(performance.now() - began);
    return recommended;
  }

  /** For each recommendation the picks that speak for it; none where the file gives no reasons. */
  #reasons(recommended) {
    return this.#model.explains ? reasons(recommended, this.#liked) : recommended.map(() => []);
  }

  /** Starters that nothing was decided about yet; none once enough is chosen. */
  #starting() {
    if (this.#liked.length >= ENOUGH) return [];
    return this.#starters.filter((id) => !this.#liked.includes(id) && !this.#disliked.includes(id)).slice(0, STARTERS);
  }

  #filter(tag) {
    this.#tag = tag;
    this.#show();
    const count = byId("recommended").children.length;
    announce(`${tag === "" ? "All" : tag}: ${count} ${count === 1 ? "recommendation" : "recommendations"}`);
  }

  /** Choose a starter; the focus stays at its place, or goes on to the search when there are no more. */
  #start(id, place) {
    this.#toggle(id);
    if (!focusOn(byId("starters"), place)) this.#finder.focus();
  }

  /** Take an item out; the focus goes to the one that is now in its place, or to the search. */
  #remove(id) {
    const place = this.#liked.indexOf(id);
    this.#toggle(id);
    if (!focusOn(byId("liked"), place)) this.#finder.focus();
  }

  /** Add a recommended item; the focus stays at its place of the list. */
  #like(id, place) {
    this.#toggle(id);
    focusOn(byId("recommended"), place, ".like");
  }

  /** Turn a recommended item down; the focus stays at its place of the list. */
  #dislike(id, place) {
    this.#set(this.#liked, [...this.#disliked, id]);
    announce(`Not ${this.#titles.of(id)}. Recommendations are updated.`);
    if (!focusOn(byId("recommended"), place, ".dislike")) focusOn(byId("disliked"), Infinity);
  }

  /** Let an item that was turned down be recommended again. */
  #takeBack(id) {
    const place = this.#disliked.indexOf(id);
    this.#set(this.#liked, this.#disliked.filter((other) => other !== id));
    announce(`${this.#titles.of(id)} may be recommended again.`);
    if (!focusOn(byId("disliked"), place)) this.#finder.focus();
  }
}

function shortest(texts) {
  return texts.reduce((best, text) => (text.length < best.length ? text : best));
}

/** Tell a screen reader. */
function announce(text) {
  byId("status").textContent = text;
}

/** Where the page came from a server, keep it for when there is none. */
function keepForOffline() {
  if (!location.protocol.startsWith("http") || !("serviceWorker" in navigator)) return;
  // Not allowed in some private windows: the page then needs the server to be loaded again.
  navigator.serviceWorker.register("sw.js").catch(() => {});
}

await new Page().open(embeddedModel);
keepForOffline();
document.documentElement.dataset.ready = "";
