import type { ParentCandidate, ParentDirectory, ParentToken } from "./choose-parent.ts";
import type { PlacedNode } from "./placed-node.ts";
import { type SelectParentsOptions, selectParents } from "./select-parents.ts";

/** A node as the registry knows it. */
export interface RegisteredNode extends PlacedNode {
  /** Hash of its development certificate in hex. */
  readonly parentSha256?: string | undefined;
}

export interface RegistryParentsOptions extends Omit<SelectParentsOptions, "unreachable"> {
  /** Shown to every parent. */
  readonly token?: ParentToken | undefined;
}

export interface RegistryParentsDeps {
  /** The last known nodes; from memory, and as good as ever while the registry is away. */
  readonly nodes: () => Iterable<RegisteredNode>;
}

/** The parents that the registry of live nodes suggests. */
export class RegistryParents implements ParentDirectory {
  private readonly options: RegistryParentsOptions;
  private readonly deps: RegistryParentsDeps;

  constructor(options: RegistryParentsOptions, deps: RegistryParentsDeps) {
    this.options = options;
    this.deps = deps;
  }

  candidates(unreachable: ReadonlySet<number>): readonly ParentCandidate[] {
    const { token } = this.options;
    return selectParents(this.deps.nodes(), { ...this.options, unreachable }).map(({ node, rank }) => ({
      id: node.id,
      url: node.url,
      rank,
      ...(token !== undefined && { token }),
      ...(node.parentSha256 !== undefined && { sha256: node.parentSha256 }),
    }));
  }
}
