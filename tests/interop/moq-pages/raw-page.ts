import { Broadcast, Connection, Path, type Track } from "@moq/net";

/** What one subscription has received. */
export interface FollowReport {
  /** Numbers of the messages, in order of arrival. */
  readonly numbers: readonly number[];
  /** Sequences of their groups. */
  readonly sequences: readonly number[];
  readonly ended: boolean;
}

export interface AnnounceEvent {
  readonly path: string;
  readonly active: boolean;
}

interface Publication {
  readonly producer: Broadcast.Producer;
  readonly track: Track.Producer;
  written: number;
}

const TRACK = "numbers";

/** Runs in the page: one bare @moq/net session. Messages are numbered, one group each. */
class RawPage {
  #connection: Connection.Established | undefined;
  #publication: Publication | undefined;
  #isClosed = false;
  readonly #announced = new Map<string, AnnounceEvent[]>();
  readonly #follows: { numbers: number[]; sequences: number[]; ended: boolean }[] = [];

  async open(url: string): Promise<string> {
    this.#isClosed = false;
    const connection = await Connection.connect(new URL(url), { websocket: { enabled: false } });
    this.#connection = connection;
    const onClosed = (): void => {
      this.#isClosed = true;
    };
    connection.closed.then(onClosed, onClosed);
    return connection.version;
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** Publishes a track of numbered messages of `bytes` bytes, one every `intervalMs`. */
  publish(path: string, intervalMs: number, bytes: number, from = 0): void {
    const producer = new Broadcast.Producer();
    const publication: Publication = { producer, track: producer.createTrack(TRACK), written: from };
    this.#publication = publication;
    this.#established.publish(Path.from(path), producer);
    const timer = setInterval(() => {
      if (this.#publication !== publication || this.#isClosed) clearInterval(timer);
      else publication.track.writeString(String(publication.written++).padEnd(bytes, " "));
    }, intervalMs);
  }

  /** Number of the message to be written next. */
  get written(): number {
    return this.#publication?.written ?? 0;
  }

  /** Takes the announcement back; the session stays. */
  unpublish(): void {
    this.#publication?.producer.close();
    this.#publication = undefined;
  }

  watch(prefix: string): void {
    const events: AnnounceEvent[] = [];
    this.#announced.set(prefix, events);
    const announced = this.#established.announced(Path.from(prefix));
    const read = async (): Promise<void> => {
      for (;;) {
        const event = await announced.next();
        if (event === undefined) return;
        events.push({ path: Path.join(Path.from(prefix), event.path), active: event.active });
      }
    };
    read().catch((error: unknown) => console.warn(String(error)));
  }

  announced(prefix: string): readonly AnnounceEvent[] {
    return this.#announced.get(prefix) ?? [];
  }

  /** Subscribes; returns the index of the report. */
  follow(path: string): number {
    const report = { numbers: [] as number[], sequences: [] as number[], ended: false };
    const subscriber = this.#established.consume(Path.from(path)).subscribe(TRACK);
    const read = async (): Promise<void> => {
      for (;;) {
        const group = await subscriber.recvGroup();
        if (group === undefined) return;
        const text = await group.readString();
        if (text === undefined) continue;
        report.numbers.push(Number(text));
        report.sequences.push(group.sequence);
      }
    };
    read()
      .catch((error: unknown) => console.warn(String(error)))
      .finally(() => {
        report.ended = true;
      });
    return this.#follows.push(report) - 1;
  }

  report(index: number): FollowReport {
    const report = this.#follows[index];
    if (report === undefined) throw new Error(`no subscription ${index}`);
    return report;
  }

  get #established(): Connection.Established {
    if (this.#connection === undefined) throw new Error("not connected");
    return this.#connection;
  }
}

declare global {
  interface Window {
    rawPage: RawPage;
  }
}

window.rawPage = new RawPage();
