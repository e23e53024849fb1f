/** A token, or what gives the one that is good now: asked whenever a parent is dialled. */
export type ParentToken = string | (() => string);

/** A node that this one can take its broadcasts from. */
export interface Parent {
  /** `https://host:port[/path]`; the identity of the parent. */
  readonly url: string;
  /** Shown to the parent; kept out of `url`, which appears in logs and in the topology. */
  readonly token?: ParentToken;
  /** Hash of its development certificate in hex, as a registry tells it. */
  readonly sha256?: string;
}

/**
 * Decides whom to take as parent. Asked anew for every attempt, so an implementation may follow a registry of live
 * nodes. `avoid` holds the urls that failed or said good-bye lately, the latest last; an implementation may fall
 * back to them.
 */
export interface ParentChooser {
  choose(avoid: ReadonlySet<string>): Parent | undefined;
  /** One that is to be preferred to the parent in use, and is dialled beside it. Asked about once a second. */
  better?(current: string, avoid: ReadonlySet<string>): Parent | undefined;
}

/** The parents of the configuration: the first that is not to be avoided, in the order given. */
export class StaticParents implements ParentChooser {
  private readonly parents: readonly Parent[];

  constructor(urls: readonly string[], token?: ParentToken) {
    this.parents = urls.map((url) => (token === undefined ? { url } : { url, token }));
  }

  choose(avoid: ReadonlySet<string>): Parent | undefined {
    const fresh = this.parents.find((parent) => !avoid.has(parent.url));
    if (fresh !== undefined) return fresh;
    for (const url of avoid) {
      const parent = this.parents.find((candidate) => candidate.url === url);
      if (parent !== undefined) return parent;
    }
    return undefined;
  }
}

/** A parent as one of several. */
export interface ParentCandidate extends Parent {
  /** Hop id of the node. */
  readonly id: number;
  /** How far from what is wished for, 0 = best; see `selectParents`. */
  readonly rank: number;
}

/**
 * Decides which parents a node is linked to at the same time. Asked some times a second, so that it follows a
 * registry. `unreachable` holds the ids of nodes that do not answer, or have said good-bye.
 */
export interface ParentDirectory {
  candidates(unreachable: ReadonlySet<number>): readonly ParentCandidate[];
}
