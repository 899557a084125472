/** The one error type of the module: one sentence that says what was wrong, what is allowed or what to do. */
export class SparserecError extends Error {
  readonly name: "SparserecError";
}

/** What a file says about itself; docs/artefact-format.md has the meaning of each field. */
export interface ModelCard {
  readonly format_version: 1 | 2;
  readonly scoring: "history" | "users";
  readonly dim: number;
  readonly n_items: number;
  readonly n_users: number;
  readonly nnz: number;
  readonly density: number;
  readonly recipe: Readonly<Record<string, unknown>>;
  readonly data_fingerprint: string;
  readonly metrics: Readonly<Record<string, unknown>>;
  readonly package_version: string;
  readonly sha256: string;
}

/** A raw id. Numbers stand for their decimal text, so 318 is "318". */
export type Id = string | number;

/** What `Recommender.open` takes: a URL is fetched, a File or Blob read; bytes that are there are used without a copy. */
export type Source = string | URL | Blob | Response | ArrayBuffer | ArrayBufferView<ArrayBuffer>;

export interface OpenOptions {
  /** Whether the SHA-256 over the tensors is compared with the card's. True when not given. */
  verifyDigest?: boolean;
  /** Ends a request that is under way; the promise is then rejected with an AbortError. */
  signal?: AbortSignal;
}

/** Whose taste scores come from. */
export interface Taste {
  /** Items the user took; they are never recommended. Without `user`, tastes are read from them. */
  history?: Iterable<Id>;
  /** A user with a row in the file. */
  user?: Id;
}

export interface Query extends Taste {
  /** How many items, at least 1; 20 when not given. Fewer come back when fewer are left. */
  k?: number;
  /** Items that are not to be recommended. */
  exclude?: Iterable<Id>;
  /** When given, only these are ranked. */
  candidates?: Iterable<Id>;
  /** Whether each recommendation says what each item of the history adds to its score. Needs a history and no user. */
  explain?: boolean;
}

export interface Recommendation {
  /** Raw id. */
  readonly item: string;
  readonly score: number;
}

/** What an item of the history adds to a score. */
export interface Reason {
  /** Raw id. */
  readonly item: string;
  readonly share: number;
}

export interface Explained extends Recommendation {
  /**
   * Each item of the history, largest share first, equal ones as in the history. Shares add up to the score, up to
   * rounding in single precision; some may be negative.
   */
  readonly because: readonly Reason[];
}

/** Recommends from one exported file. All methods throw SparserecError for what the caller can put right. */
export class Recommender {
  private constructor();

  /** Open a file that `sparserec export` wrote; everything in it is checked before use. */
  static open(source: Source, options?: OpenOptions): Promise<Recommender>;

  /** What the file says about itself. */
  readonly card: ModelCard;
  /** Size of the catalogue. */
  readonly nItems: number;
  /** Users with a row of their own; 0 when all users come from histories. */
  readonly nUsers: number;
  /** Whether the file holds a user table. */
  readonly hasUsers: boolean;
  /** Raw ids of the items in the order of their rows; a new list each time. */
  readonly itemIds: string[];
  /** Raw ids of the users in the order of their rows; empty without a user table. */
  readonly userIds: string[];
  /** Bytes of the file. */
  readonly fileBytes: number;
  /** Bytes of the decoded structure that is kept beside the file. */
  readonly nbytes: number;

  /** Whether an item is in the catalogue. */
  hasItem(id: Id): boolean;

  /** The best items, best first; equal scores go to the item that comes first in the file. */
  recommend(query: Query & { explain: true }): Explained[];
  recommend(query: Query): Recommendation[];

  /** Scores of these items, in their order. */
  score(items: Iterable<Id>, taste: Taste): Float32Array;
}
