import type { MessageReader } from "../codec/message-reader.ts";
import type { Announcement, Dialect } from "../dialect.ts";
import { ERROR_CODES } from "../error-codes.ts";
import { MAX_HOPS } from "../limits.ts";
import { normalizePath, pathSuffix } from "../path.ts";
import type { AnnounceResponder } from "../session-interface.ts";
import type { ControlStream } from "./control-stream.ts";
import { Responder } from "./responder.ts";
import type { SessionCore } from "./session-core.ts";

/** INIT of lite-02 is one message: what is over this follows as single announcements. */
const MAX_INIT_BYTES = 32 * 1024;

interface Route {
  readonly suffix: string;
  readonly hops: readonly number[];
}

/** The answering side of an ANNOUNCE stream (moq-lite, ANNOUNCE). */
export class IncomingAnnounceRequest extends Responder implements AnnounceResponder {
  readonly #core: SessionCore;
  readonly #dialect: Dialect;
  readonly #onRequest: (request: AnnounceResponder) => void;
  /** Suffixes that the peer holds as active. */
  readonly #announced = new Set<string>();
  #request: { readonly prefix: string; readonly excludeHop: number } | undefined;
  #started = false;
  onClosed: (() => void) | undefined;

  constructor(
    core: SessionCore,
    dialect: Dialect,
    control: ControlStream,
    onRequest: (request: AnnounceResponder) => void,
  ) {
    super(control);
    this.#core = core;
    this.#dialect = dialect;
    this.#onRequest = onRequest;
  }

  get prefix(): string {
    return this.#request?.prefix ?? "";
  }

  get excludeHop(): number {
    return this.#request?.excludeHop ?? 0;
  }

  start(active: readonly { readonly path: string; readonly hops: readonly number[] }[]): void {
    if (this.#started || this.over) {
      return;
    }
    this.#started = true;
    const routes = new Map<string, Route>();
    for (const { path, hops } of active) {
      const route = this.#routeOf(path, hops);
      if (route !== undefined) {
        routes.set(route.suffix, route);
      }
    }
    const rest = [...routes.values()];
    const { ok, init } = this.#dialect.announce;
    if (ok !== undefined) {
      this.#write((writer) => ok.write(writer, { hop: this.#core.originId, active: rest.length }));
    } else if (init !== undefined) {
      const first: string[] = [];
      let bytes = 0;
      while (rest.length > 0) {
        const route = rest[0];
        // At most 3 bytes of UTF-8 for a UTF-16 unit, and the length.
        bytes += (route?.suffix.length ?? 0) * 3 + 8;
        if (route === undefined || bytes > MAX_INIT_BYTES) {
          break;
        }
        first.push(route.suffix);
        this.#announced.add(route.suffix);
        rest.shift();
      }
      this.#write((writer) => init.write(writer, first));
    }
    for (const route of rest) {
      this.#announceActive(route);
    }
  }

  active(path: string, hops: readonly number[]): void {
    const route = this.#routeOf(path, hops);
    if (route === undefined || !this.#started || this.over) {
      return;
    }
    if (this.#announced.has(route.suffix) && this.#dialect.announce.repeated === "violation") {
      this.#announceEnded(route.suffix);
    }
    this.#announceActive(route);
  }

  ended(path: string): void {
    const suffix = pathSuffix(normalizePath(path), this.prefix);
    if (suffix !== undefined && this.#announced.has(suffix)) {
      this.#announceEnded(suffix);
    }
  }

  /** Over is the request when the peer, who then knows of the end, has ended his side as well. */
  override finish(): void {
    this.control.finish();
  }

  onInput(input: MessageReader): void {
    if (this.#request !== undefined) {
      return;
    }
    const body = input.message();
    if (body !== undefined) {
      this.#request = this.#dialect.announce.request.read(body);
      this.#onRequest(this);
    }
  }

  onFin(): void {
    this.control.finish();
    this.end(ERROR_CODES.cancel);
  }

  protected onEnded(): void {
    this.#announced.clear();
    this.onClosed?.();
  }

  /** Undefined: not for this request, or the chain would be longer than any peer takes. */
  #routeOf(path: string, hops: readonly number[]): Route | undefined {
    const suffix = pathSuffix(normalizePath(path), this.prefix);
    const isExcluded = this.excludeHop !== 0 && hops.includes(this.excludeHop);
    if (suffix === undefined || isExcluded || hops.length >= MAX_HOPS) {
      return undefined;
    }
    return { suffix, hops: this.#dialect.announce.senderInHops ? [...hops, this.#core.originId] : hops };
  }

  #announceActive(route: Route): void {
    this.#announced.add(route.suffix);
    this.#announce({ status: "active", ...route });
  }

  #announceEnded(suffix: string): void {
    this.#announced.delete(suffix);
    this.#announce({ status: "ended", suffix, hops: [] });
  }

  #announce(message: Announcement): void {
    this.#write((writer) => this.#dialect.announce.announcement.write(writer, message));
  }

  #write(write: Parameters<SessionCore["encode"]>[0]): void {
    if (!this.over) {
      this.control.write(this.#core.encode(write));
    }
  }
}
