import type { Parent, ParentChooser } from "./choose-parent.ts";
import type { RegistryParents } from "./registry-parents.ts";

/**
 * A parent on the same machine, and others for the time in which that is away: what one process has taken over the
 * network is not taken again by the next one.
 */
export class LocalFirstParents implements ParentChooser {
  private readonly local: Parent;
  private readonly others: ParentChooser;

  constructor(local: Parent, others: ParentChooser) {
    this.local = local;
    this.others = others;
  }

  choose(avoid: ReadonlySet<string>): Parent | undefined {
    if (!avoid.has(this.local.url)) return this.local;
    return this.others.choose(avoid) ?? this.local;
  }

  better(current: string, avoid: ReadonlySet<string>): Parent | undefined {
    return current === this.local.url || avoid.has(this.local.url) ? undefined : this.local;
  }
}

/** The parents that the registry of live nodes suggests, one at a time. */
export class RegistryChooser implements ParentChooser {
  private readonly directory: Pick<RegistryParents, "candidates">;

  constructor(directory: Pick<RegistryParents, "candidates">) {
    this.directory = directory;
  }

  choose(avoid: ReadonlySet<string>): Parent | undefined {
    const candidates = this.directory.candidates(new Set());
    return candidates.find(({ url }) => !avoid.has(url)) ?? candidates[0];
  }
}
