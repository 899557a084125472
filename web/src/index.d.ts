/** The one error type of the module: one sentence that says what was wrong, what is allowed or what to do. */
export class SparserecError extends Error {
  readonly name: "SparserecError";
}

/** What a file says about itself; docs/artefact-format.md has the meaning of each field. */
export interface ModelCard {
  readonly format_version: 1 | 2 | 3;
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

/** A raw id. Whole numbers stand for their digits, so 318 is "318"; those beyond 2^53 must be texts or BigInts. */
export type Id = string | number | bigint;

/** What `Recommender.open` takes: a URL is fetched, a File or Blob read; bytes that are there are used without a copy, unless they are shared. */
export type Source = string | URL | Blob | Response | ArrayBufferLike | ArrayBufferView;

export interface OpenOptions {
  /** Whether the SHA-256 over the tensors is compared with the card's. True when not given. */
  verifyDigest?: boolean;
  /** Ends a request that is under way; the promise is then rejected with an AbortError. */
  signal?: AbortSignal;
}

/** What becomes of ids that the file does not have: an error, or they are left out. */
export type Unknown = "error" | "ignore";

/** Whose taste scores come from. */
export interface Taste {
  /**
   * Items the user took, oldest first. Without `user`, tastes are read from them. Their order counts where the file is
   * `ordered`: an item is as old as there are items after it, and one that is there twice stands where it stands last.
   * Files with a transformer look at the newest ones alone, as many as they were trained with.
   */
  history?: Iterable<Id> | null;
  /** A user with a row in the file. */
  user?: Id | null;
  /**
   * Items the user does not like: what they would add to tastes as part of a history is subtracted. An id that is in the
   * history too counts as disliked alone, and makes no other older. In files with a transformer nothing is subtracted:
   * they are left out of the history and of what is recommended.
   */
  dislikes?: Iterable<Id> | null;
  /** What becomes of unknown ids in all lists; "error" when not given. A user must always be known. */
  unknown?: Unknown;
}

/** Which items are ranked. */
export interface Limits {
  /** How many items, at least 1; 20 when not given. Fewer come back when fewer are left. */
  k?: number;
  /** Items that are not to be recommended. */
  exclude?: Iterable<Id> | null;
  /** When given, only these are ranked. */
  candidates?: Iterable<Id> | null;
  /** What becomes of unknown ids in the lists; "error" when not given. */
  unknown?: Unknown;
}

export interface Query extends Taste, Limits {
  /** Whether items of the history are left out, true when not given. Disliked ones are never recommended. */
  excludeHistory?: boolean;
  /**
   * Whether each recommendation says what each item of the history, and each disliked one, adds to its score. Needs a
   * history and no user, and a file that `explains`.
   */
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
   * Each item of the history and each disliked one, largest share first, equal ones as in the history. Shares add up to the score, up to
   * rounding in single precision; some may be negative.
   */
  readonly because: readonly Reason[];
}

/** Recommends from one exported file. All methods throw SparserecError for what the caller can put right. */
export class Recommender {
  private constructor();

  /** Open a file that `sparserec export` wrote; everything in it is checked before use. */
  static open(source: Source, options?: OpenOptions | null): Promise<Recommender>;

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
  /** Whether the order of a history counts. */
  readonly ordered: boolean;
  /** Whether recommendations have reasons item by item, as sums over a history do and a transformer does not. */
  readonly explains: boolean;
  /** Bytes of the file. */
  readonly fileBytes: number;
  /** Bytes of the decoded structure that is kept beside the file. */
  readonly nbytes: number;

  /** Whether an item is in the catalogue. */
  hasItem(id: Id): boolean;

  /** Those of these ids that the file does not have, each once: what `unknown: "ignore"` leaves out. */
  unknownItems(ids: Iterable<Id> | null | undefined): string[];

  /** The best items, best first; equal scores go to the item that comes first in the file. */
  recommend(query: Query & { explain: true }): Explained[];
  recommend(query: Query): Recommendation[];

  /**
   * What most people took, as far as the file knows, for somebody without a history: by history factors, else by all
   * users of the file together, else by what all items together lead to where items have columns, or by the state about
   * which all others lie where there is a transformer, else by the lengths of rows. Of the scores only the order has a meaning.
   */
  popular(limits?: Limits): Recommendation[];

  /**
   * Items whose rows are like that of an item, or where items have columns those that lead to one another, most alike
   * first; the score is the likeness.
   */
  similar(item: Id, limits?: Limits): Recommendation[];

  /** Scores of these items, in their order. */
  score(items: Iterable<Id>, taste: Taste): Float32Array;
}
