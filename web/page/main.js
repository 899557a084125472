/** The demo page: opens the model that is part of it, and recommends for what somebody picks. */

import { SparserecError } from "../src/error.js";
import { Recommender } from "../src/recommender.js";
import { Titles, embeddedModel } from "./catalogue.js";
import { bytesText, byId } from "./dom.js";
import { Finder } from "./finder.js";
import { showFacts, showLiked, showRecommended } from "./lists.js";
import { Memory } from "./memory.js";
import { Search } from "./search.js";

const SHOWN = 20;

class Page {
  #titles = new Titles();
  #finder;
  #model = null;
  #ids = [];
  #search = new Search([]);
  #memory = null;
  #liked = [];
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
      this.#set([]);
      announce("Nothing is chosen any more");
      this.#finder.focus();
    });
    byId("file").addEventListener("change", (event) => {
      const [file] = event.target.files;
      if (file !== undefined) this.open(() => file);
    });
  }

  /** Open what `source` gives. When that fails, the sentence is shown, and an open model stays. */
  async open(source) {
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
    this.#ids = this.#model.itemIds;
    this.#search = new Search(this.#ids.map((id) => this.#titles.of(id)));
    this.#memory = new Memory(this.#model.card.sha256);
    this.#times = [];
    this.#finder.enable();
    this.#set(this.#memory.load().filter((id) => this.#model.hasItem(id)));
  }

  #described(row) {
    const id = this.#ids[row];
    return { title: this.#titles.of(id), tags: this.#titles.tags(id), chosen: this.#liked.includes(id) };
  }

  #toggle(id) {
    const had = this.#liked.includes(id);
    this.#set(had ? this.#liked.filter((other) => other !== id) : [...this.#liked, id]);
    announce(`${had ? "Removed" : "Added"} ${this.#titles.of(id)}. Recommendations are updated.`);
  }

  #set(liked) {
    this.#liked = liked;
    this.#memory.save(liked);
    this.#show();
  }

  #show() {
    const began = performance.now();
    const query = { history: this.#liked, k: SHOWN, explain: true };
    const recommended = this.#liked.length === 0 ? [] : this.#model.recommend(query);
    if (this.#liked.length > 0) this.#times.push(performance.now() - began);
    showLiked(this.#liked, this.#titles, (id) => this.#remove(id));
    showRecommended(recommended, this.#titles, (id, place) => this.#like(id, place));
    byId("nothing-yet").hidden = this.#liked.length > 0;
    showFacts(this.#facts());
  }

  /** Take an item out; the focus goes to the one that is now in its place, or to the search. */
  #remove(id) {
    const place = this.#liked.indexOf(id);
    this.#toggle(id);
    const buttons = byId("liked").querySelectorAll("button");
    if (buttons.length === 0) this.#finder.focus();
    else buttons[Math.min(place, buttons.length - 1)].focus();
  }

  /** Add a recommended item; the focus stays at its place of the list. */
  #like(id, place) {
    this.#toggle(id);
    const buttons = byId("recommended").querySelectorAll("button");
    buttons[Math.min(place, buttons.length - 1)]?.focus({ preventScroll: true });
  }

  #facts() {
    const facts = {
      "Size of the model": bytesText(this.#model.fileBytes),
      Catalogue: `${this.#model.nItems.toLocaleString("en")} items`,
      "Opened and checked in": `${this.#opened.toFixed(0)} ms`,
    };
    if (this.#times.length > 0) {
      const sorted = this.#times.toSorted((a, b) => a - b);
      facts["Recommended in"] = `${this.#times.at(-1).toFixed(1)} ms`;
      facts[`Median of ${sorted.length}`] = `${sorted[sorted.length >> 1].toFixed(1)} ms`;
    }
    return facts;
  }
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
