import type { Logger } from "../../log/logger.ts";
import { RuntimeError } from "../../runtime-error.ts";
import { deadline } from "../../time/deadline.ts";
import { MAX_BROADCAST_RECORD_BYTES } from "../broadcast-text.ts";
import {
  type ClaimAnswer,
  type ClaimChange,
  type ClaimRequest,
  type Heartbeat,
  type HeartbeatAnswer,
  MAX_BROADCASTS,
  MAX_NODE_RECORD_BYTES,
  MAX_NODES,
  MAX_PATH_BYTES,
  type RegistryBackend,
  type RegistryListener,
  type RegistrySnapshot,
  type RegistryTimes,
} from "../registry-backend.ts";
import { connectRedis, type RedisConnection } from "./connect-redis.ts";
import { keepOpen } from "./keep-open.ts";
import { readClaimAnswer, readRegistryChange, readSnapshot } from "./read-replies.ts";
import type { RedisOptions } from "./redis-options.ts";
import { type RegistryScript, registryKeys } from "./registry-scripts.ts";

/** Steps under way at one time; more fail at once. Each is one small command: about a kilobyte. */
const MAX_PENDING = 4_096;

/** What stands before a record: a UUID and a space. */
const INSTANCE_BYTES = 37;

export interface RedisRegistryDeps {
  readonly logger: Logger;
  readonly random: () => number;
}

type Script = (...args: (string | number)[]) => Promise<unknown>;

/** The registry in Redis: alone, behind sentinels, or in a Cluster. */
export class RedisRegistry implements RegistryBackend {
  readonly #options: RedisOptions;
  readonly #times: RegistryTimes;
  readonly #logger: Logger;
  readonly #connection: RedisConnection;
  readonly #keys: readonly string[];
  readonly #channel: string;
  readonly #letClose: (() => void)[] = [];
  #listener: RegistryListener | undefined;
  #pending = 0;
  #closed = false;

  constructor(options: RedisOptions, times: RegistryTimes, deps: RedisRegistryDeps) {
    this.#options = options;
    this.#times = times;
    this.#logger = deps.logger;
    this.#keys = registryKeys(options.prefix);
    this.#channel = `{${options.prefix}}:changes`;
    this.#connection = connectRedis(options, deps.random);
    const { client, subscriber } = this.#connection;
    for (const connection of new Set([client, subscriber])) {
      // Failed commands tell whoever waits for them; this is for the one who looks why.
      connection.on("error", (error: unknown) =>
        this.#logger.debug({ err: error }, "redis connection failed"),
      );
      this.#letClose.push(keepOpen(connection, deps));
    }
    client.on("ready", () => this.#listener?.onGap());
    subscriber.on("ready", () => this.#subscribe());
    subscriber.on("message", (channel: string, text: string) => this.#onMessage(channel, text));
  }

  async beat(heartbeat: Heartbeat): Promise<HeartbeatAnswer> {
    const { id, instance, record, announce } = heartbeat;
    const reply = await this.#run("registryBeat", [id, instance, record, announce ? 1 : 0]);
    if (reply === "duplicate" || reply === "joined") return reply;
    return "kept";
  }

  async leave(id: number, instance: string): Promise<void> {
    await this.#run("registryLeave", [id, instance]);
  }

  async claim(request: ClaimRequest): Promise<ClaimAnswer> {
    const { path, nodeId, instance, takeOver, live, epoch, startedAtMs } = request;
    const flags = [takeOver ? 1 : 0, live ? 1 : 0, epoch, startedAtMs, this.#times.ownerSilenceMs];
    return readClaimAnswer(await this.#run("registryClaim", [path, nodeId, instance, ...flags]));
  }

  async setLive(change: ClaimChange, live: boolean): Promise<void> {
    const { path, nodeId, epoch } = change;
    await this.#run("registrySetLive", [path, nodeId, epoch, live ? 1 : 0]);
  }

  async release(change: ClaimChange): Promise<void> {
    const { path, nodeId, epoch } = change;
    await this.#run("registryRelease", [path, nodeId, epoch]);
  }

  async read(knownVersion: number): Promise<RegistrySnapshot> {
    const limits = [MAX_NODES, MAX_NODE_RECORD_BYTES + INSTANCE_BYTES, MAX_BROADCASTS, MAX_PATH_BYTES];
    const reply = await this.#run("registryRead", [knownVersion, ...limits, MAX_BROADCAST_RECORD_BYTES]);
    const snapshot = readSnapshot(reply);
    // Something was changed and not heard: perhaps nobody listens any more.
    if (knownVersion !== 0 && snapshot.broadcasts !== undefined) this.#subscribe();
    return snapshot;
  }

  listen(listener: RegistryListener): void {
    this.#listener = listener;
  }

  close(): Promise<void> {
    if (!this.#closed) {
      this.#closed = true;
      for (const letClose of this.#letClose) letClose();
      const { client, subscriber } = this.#connection;
      for (const connection of new Set([client, subscriber])) connection.disconnect();
    }
    return Promise.resolve();
  }

  #subscribe(): void {
    if (this.#closed) return;
    this.#connection.subscriber.subscribe(this.#channel).then(
      () => this.#listener?.onGap(),
      // The next refresh that finds an unheard change tries again.
      (error: unknown) => this.#logger.debug({ err: error }, "redis does not take the subscription"),
    );
  }

  #onMessage(channel: string, text: string): void {
    if (channel !== this.#channel || this.#closed) return;
    const change = readRegistryChange(text);
    if (change === undefined) this.#listener?.onBadChange();
    else this.#listener?.onChange(change);
  }

  async #run(script: RegistryScript, args: readonly (string | number)[]): Promise<unknown> {
    if (this.#closed || this.#pending >= MAX_PENDING) throw away();
    const { client } = this.#connection;
    this.#pending += 1;
    try {
      const call = (client as unknown as Readonly<Record<RegistryScript, Script>>)[script];
      const reply = call.call(client, ...this.#keys, this.#channel, this.#times.expiryMs, ...args);
      return await deadline(reply, this.#options.timeoutMs, script);
    } catch (cause) {
      throw away(cause);
    } finally {
      this.#pending -= 1;
    }
  }
}

function away(cause?: unknown): RuntimeError {
  return new RuntimeError("registry-away", "Redis did not do what it was asked for", { cause });
}
