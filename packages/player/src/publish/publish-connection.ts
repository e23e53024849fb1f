import {
  chooseProtocol,
  ERROR_CODES,
  forwardEvents,
  MoqSession,
  type ServedBroadcast,
} from "@canopy/protocol";
import type { Session, SessionClose, SessionStats } from "@canopy/transport";
import type { Clock } from "../clock.ts";
import { RetrySchedule } from "../control/retry-schedule.ts";
import { PlayerError } from "../player-error.ts";
import type { ClockOffset } from "../sync/clock-offset.ts";
import { probeTime } from "../sync/probe-time.ts";
import { readMove } from "../upstream/read-move.ts";
import { dialOrigin } from "./dial-origin.ts";

/** After the end was announced, what is still unsent gets this long. */
const LINGER_MS = 300;
/** And the origin this long to answer that it knows: it would wait for a publisher whom it has only lost. */
const MAX_LINGER_MS = 2_000;
/** The protocol's deadlines are checked this often. */
const TICK_MS = 1_000;
/** Times that the origin's clock is asked per session; one nearly always meets an empty path. */
const TIME_PROBES = 5;

export interface PublishConnectionOptions {
  readonly url: string;
  readonly token: string | undefined;
}

export interface PublishConnectionDeps {
  readonly broadcast: ServedBroadcast;
  readonly clock: Clock;
  readonly onUp: () => void;
  /** The session was lost; it is being dialed anew. */
  readonly onDown: (error: PlayerError) => void;
  readonly onFailed: (error: PlayerError) => void;
  /** Called once per session; undefined if the origin does not tell the time. */
  readonly onClockOffset: (offset: ClockOffset | undefined) => void;
}

/** Keeps a session to the origin and serves the broadcast on it. */
export class PublishConnection {
  readonly #deps: PublishConnectionDeps;
  readonly #dialOrigin: typeof dialOrigin;
  readonly #abort = new AbortController();
  readonly #schedule = new RetrySchedule({ sources: 1 }, { random: Math.random });
  readonly #token: string | undefined;
  #url: string;
  #session: Session | undefined;
  #moq: MoqSession | undefined;
  #retry: ReturnType<typeof setTimeout> | undefined;
  readonly #tick = setInterval(() => this.#moq?.onTick(this.#deps.clock.nowUs() / 1000), TICK_MS);
  #closed = false;

  constructor(options: PublishConnectionOptions, deps: PublishConnectionDeps, dial = dialOrigin) {
    this.#dialOrigin = dial;
    this.#url = options.url;
    this.#token = options.token;
    this.#deps = deps;
    void this.#dial();
  }

  get stats(): SessionStats | undefined {
    return this.#session?.stats();
  }

  /**
   * Says that the broadcast is over, then closes. When the browser has sent that, only the origin can tell:
   * WebTransport counts as sent what the browser has taken, and closing drops it.
   */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#abort.abort();
    clearTimeout(this.#retry);
    clearInterval(this.#tick);
    const [moq, session] = [this.#moq, this.#session];
    const heard = new Promise<void>((resolve) => this.#deps.broadcast.end(resolve));
    void Promise.race([Promise.all([heard, wait(LINGER_MS)]), wait(MAX_LINGER_MS)]).then(() => {
      moq?.close(ERROR_CODES.cancel, "publisher stopped");
      session?.close(ERROR_CODES.cancel, "publisher stopped");
    });
  }

  async #dial(): Promise<void> {
    const { signal } = this.#abort;
    try {
      const { session, timeBaseUrl } = await this.#dialOrigin(this.#url, this.#token, {
        fetch: fetch.bind(globalThis),
        signal,
      });
      if (this.#closed) {
        session.close(ERROR_CODES.cancel, "publisher stopped");
        return;
      }
      this.#serve(session, timeBaseUrl);
    } catch (cause) {
      if (this.#closed) return;
      this.#lost(PlayerError.of(cause, "unreachable", "no session to the origin"));
    }
  }

  #serve(session: Session, timeBaseUrl: string): void {
    const { protocol } = session;
    if (protocol !== "" && chooseProtocol([protocol]) === undefined) {
      session.close(ERROR_CODES.version, "unknown protocol");
      this.#fail(new PlayerError("protocol", `the origin speaks ${protocol}`));
      return;
    }
    const moq = new MoqSession(
      {
        wire: session,
        role: "client",
        originId: 1 + Math.floor(Math.random() * (Number.MAX_SAFE_INTEGER - 1)),
      },
      this.#deps.broadcast.handler({
        onReady: () => {},
        onGoaway: (uri) => this.#move(session, uri),
      }),
    );
    this.#session = session;
    this.#moq = moq;
    session.handler = forwardEvents(moq, (close) => {
      if (this.#session === session) this.#onClose(close);
    });
    this.#schedule.onSuccess();
    this.#deps.onUp();
    void this.#measureClock(timeBaseUrl);
  }

  async #measureClock(baseUrl: string): Promise<void> {
    const { signal } = this.#abort;
    const offset = await probeTime(baseUrl, TIME_PROBES, {
      clock: this.#deps.clock,
      fetch: fetch.bind(globalThis),
      signal,
    });
    if (!this.#closed) this.#deps.onClockOffset(offset);
  }

  #onClose(close: SessionClose): void {
    this.#session = undefined;
    this.#moq = undefined;
    if (this.#closed) return;
    if (close.code === ERROR_CODES.unauthorized) {
      this.#fail(new PlayerError("unauthorized", "the origin does not allow this broadcast"));
      return;
    }
    this.#lost(new PlayerError("unreachable", `session closed: ${close.reason || "connection lost"}`));
  }

  #lost(error: PlayerError): void {
    const decision = error.shouldRetry() ? this.#schedule.onFailure() : undefined;
    if (decision === undefined) {
      this.#fail(error);
      return;
    }
    this.#deps.onDown(error);
    this.#retry = setTimeout(() => void this.#dial(), decision.delayMs);
  }

  /** The origin goes away in an orderly manner: dial the next one, then leave this one. */
  #move(old: Session, uri: string): void {
    if (this.#closed || this.#session !== old) return;
    // It comes from outside: where it is no place to go, the origin's own address may lead to another one by now.
    if (uri !== "") this.#url = readMove(uri, this.#url) ?? this.#url;
    this.#session = undefined;
    this.#moq = undefined;
    this.#deps.onDown(new PlayerError("unreachable", "the origin moves its publishers"));
    void this.#dial().finally(() => old.close(ERROR_CODES.cancel, "moved"));
  }

  #fail(error: PlayerError): void {
    if (this.#closed) return;
    this.close();
    this.#deps.onFailed(error);
  }
}

function wait(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
