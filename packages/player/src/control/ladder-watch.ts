import type { PlayerError } from "../player-error.ts";
import type { TransportName } from "../upstream/upstream.ts";
import { TransportLadder } from "./transport-ladder.ts";
import type { TransportTrial, TransportTrialDeps, TransportTrialOptions } from "./transport-trial.ts";

/** A way that is not up, or up without media, for this long gets company; most take a few hundred ms. */
const HEAD_START_MS = 3_000;

/** How long a trial may take to bring media: less while others are left to try. */
const RESCUE_TIMEOUT_MS = 2_500;
const TRIAL_TIMEOUT_MS = 8_000;

/** After a stall of this length the next way down is dialled, if the edge cannot be asked whether it is there. */
const STARVED_MS = 1_500;

/** As STARVED_MS once the edge has not answered: another edge of the list is dialled first. */
const SILENT_MS = 1_000;

/** Why another way is tried: no media comes, it came with too many stalls, or a better way may be open again. */
type Purpose = "rescue" | "stalls" | "upgrade";

interface RunningTrial {
  readonly rung: number;
  readonly purpose: Purpose;
  readonly reason: string;
  session?: TransportTrial;
}

export interface LadderWatchDeps {
  readonly nowMs: () => number;
  /** Opens a session beside the one in use. */
  readonly openTrial: (
    rung: number,
    limits: Pick<TransportTrialOptions, "needsProof" | "timeoutMs">,
    then: Pick<TransportTrialDeps, "onReady" | "onFailed">,
  ) => TransportTrial | undefined;
  /** The trial is to be the upstream in use. `isLost`: the one before was not left, but lost or as good as lost. */
  readonly onTakeOver: (trial: TransportTrial, rung: number, reason: string, isLost: boolean) => void;
}

/** Watches how the stream comes, and tries other transports beside the one in use when that is called for. */
export class LadderWatch {
  readonly #names: readonly TransportName[];
  readonly #deps: LadderWatchDeps;
  readonly #ladder: TransportLadder;
  #trial: RunningTrial | undefined;
  #rescueTimer: ReturnType<typeof setTimeout> | undefined;
  #upgradeTimer: ReturnType<typeof setTimeout> | undefined;
  /** The next way up has been thought of. */
  #isArmed = false;
  #isStarved = false;

  constructor(options: { readonly names: readonly TransportName[] }, deps: LadderWatchDeps) {
    this.#names = options.names;
    this.#deps = deps;
    this.#ladder = new TransportLadder({ rungs: options.names.length });
  }

  /** The session beside the one in use. */
  get trial(): TransportTrial | undefined {
    return this.#trial?.session;
  }

  /** A session of this rung is being opened. */
  onOpen(rung: number): void {
    if (rung !== this.#ladder.current) this.#ladder.onSwitched(rung, this.#deps.nowMs());
    this.#isArmed = false;
    this.#rescueIn(HEAD_START_MS, `${this.#names[rung]} brought no media in ${HEAD_START_MS / 1_000} s`);
  }

  /** The one that was dialled beside it was up first, which says nothing yet against the better one. */
  onRaceWon(rung: number): void {
    const { current } = this.#ladder;
    this.#ladder.postpone(current, this.#deps.nowMs());
    this.#stopRescue();
    this.onOpen(rung);
  }

  /** It did not carry the stream, and its time has not come again. */
  isHeldBack(rung: number): boolean {
    return this.#ladder.isHeldBack(rung, this.#deps.nowMs());
  }

  /** The session is up: from now on it is media that it has to bring. */
  onConnected(): void {
    if (this.#rescueTimer === undefined) return;
    this.#stopRescue();
    this.onOpen(this.#ladder.current);
  }

  /** A session to another edge has taken over, by the same transport: what was tried at the one before helps nobody. */
  onMoved(): void {
    if (this.#trial?.purpose === "rescue") this.#closeTrial();
    this.onConnected();
  }

  /** Something was presented. Called for every picture. */
  onMedia(): void {
    this.#isStarved = false;
    if (this.#rescueTimer !== undefined) this.#stopRescue();
    if (this.#trial?.purpose === "rescue") this.#closeTrial();
    if (!this.#isArmed) this.#arm();
  }

  /** The picture stands still. `canAsk`: the edge is asked at the same time whether it is there (`onSilent`). */
  onStarved(canAsk: boolean): void {
    this.#isStarved = true;
    const name = this.#names[this.#ladder.current];
    if (this.#ladder.onStall(this.#deps.nowMs()))
      this.#tryBelow("stalls", `${name} stalled three times in 30 s`);
    if (!canAsk) this.#rescueIn(STARVED_MS, `${name} brought no more media`);
  }

  /** The edge has not answered on the session. */
  onSilent(): void {
    this.#rescueIn(SILENT_MS, `the edge did not answer over ${this.#names[this.#ladder.current]}`);
  }

  /** There is nothing to bring: the broadcast has ended. */
  onEnded(): void {
    this.#stopRescue();
    if (this.#trial?.purpose !== "upgrade") this.#closeTrial();
  }

  /** The session was refused; what comes in its place is not for this to say. */
  onRefused(rung: number, error: PlayerError): void {
    this.#ladder.onFailed(rung, this.#deps.nowMs(), isFinal(error));
  }

  /** The session was refused, or lost. True: another one takes its place at once. */
  onClosed(rung: number, error: PlayerError): boolean {
    this.onRefused(rung, error);
    const trial = this.#trial;
    if (trial?.session === undefined || trial.purpose === "upgrade") return false;
    this.#takeOver(trial.session, trial.rung, error.message, true);
    return true;
  }

  /** The catalog that a trial brought cannot be played. False: there is no trial. */
  onUnplayable(error: PlayerError): boolean {
    if (this.#trial?.session === undefined) return false;
    this.#trial.session.fail(error);
    return true;
  }

  /** The session in use is being dropped. */
  stop(): void {
    this.#stopRescue();
    clearTimeout(this.#upgradeTimer);
    this.#upgradeTimer = undefined;
    this.#isArmed = false;
    this.#isStarved = false;
    this.#closeTrial();
  }

  #rescueIn(delayMs: number, reason: string): void {
    if (this.#rescueTimer !== undefined || this.#trial?.purpose === "rescue") return;
    this.#rescueTimer = setTimeout(() => {
      this.#rescueTimer = undefined;
      this.#tryBelow("rescue", reason);
    }, delayMs);
  }

  #stopRescue(): void {
    clearTimeout(this.#rescueTimer);
    this.#rescueTimer = undefined;
  }

  #tryBelow(purpose: Purpose, reason: string, above = this.#ladder.current): void {
    const rung = this.#ladder.below(above);
    if (rung !== undefined) this.#try(rung, purpose, reason);
  }

  #arm(): void {
    this.#isArmed = true;
    const upgrade = this.#ladder.nextUpgrade(this.#deps.nowMs());
    if (upgrade === undefined) return;
    clearTimeout(this.#upgradeTimer);
    this.#upgradeTimer = setTimeout(() => {
      this.#upgradeTimer = undefined;
      // Not while there is trouble, and not beside another trial: it is thought of again with the next picture.
      if (this.#isStarved || this.#trial !== undefined) this.#isArmed = false;
      else this.#try(upgrade.rung, "upgrade", `${this.#names[upgrade.rung]} carries the stream again`);
    }, upgrade.inMs);
  }

  #try(rung: number, purpose: Purpose, reason: string): void {
    this.#closeTrial();
    const trial: RunningTrial = { rung, purpose, reason };
    this.#trial = trial;
    const isUpgrade = purpose === "upgrade";
    const hasOthers = !isUpgrade && this.#ladder.below(rung) !== undefined;
    const limits = { needsProof: isUpgrade, timeoutMs: hasOthers ? RESCUE_TIMEOUT_MS : TRIAL_TIMEOUT_MS };
    const session = this.#deps.openTrial(rung, limits, {
      onReady: (ready) => this.#takeOver(ready, rung, reason, purpose === "rescue"),
      onFailed: (error) => {
        if (this.#trial !== trial) return;
        this.#trial = undefined;
        this.#ladder.onFailed(rung, this.#deps.nowMs(), isFinal(error));
        this.#isArmed = false;
        if (!isUpgrade) this.#tryBelow(purpose, reason, rung);
      },
    });
    if (session !== undefined) trial.session = session;
    else {
      this.#trial = undefined;
      this.#isArmed = isUpgrade;
      if (!isUpgrade) this.#tryBelow(purpose, reason, rung);
    }
  }

  #takeOver(session: TransportTrial, rung: number, reason: string, isLost: boolean): void {
    const nowMs = this.#deps.nowMs();
    this.#trial = undefined;
    if (rung > this.#ladder.current) this.#ladder.onFailed(this.#ladder.current, nowMs);
    this.#ladder.onSwitched(rung, nowMs);
    this.#deps.onTakeOver(session, rung, reason, isLost);
  }

  #closeTrial(): void {
    const trial = this.#trial;
    this.#trial = undefined;
    trial?.session?.close();
  }
}

/** No later attempt will go better. */
function isFinal(error: PlayerError): boolean {
  return error.code === "unsupported" || error.code === "codec" || error.code === "configuration";
}
