import { ApiError } from "../api/fetch-json.ts";
import { sendTimed } from "../api/send-timed.ts";
import { element, field } from "../element.ts";

const EXAMPLES: Readonly<Record<string, unknown>> = {
  quiz: { question: "Which river is the longest?", options: ["Nile", "Amazon", "Yangtze"], seconds: 10 },
  lyric: { line: "And the lights will guide you home", durationMs: 3200 },
  cue: { scene: "goal", team: "home" },
};

/** Sends a timed message into a broadcast and says what became of it. */
export class TimedForm {
  readonly root: HTMLFormElement;
  readonly #origin: string;
  readonly #broadcast = element("select", { id: "timed-broadcast", required: true });
  readonly #type = element("input", {
    type: "text",
    list: "timed-types",
    value: "quiz",
    required: true,
    maxlength: 64,
  });
  readonly #data = element("textarea", { rows: 6, spellcheck: "false" });
  readonly #delay = element("input", { type: "number", min: 0, max: 600_000, step: 100, value: 500 });
  readonly #send = element("button", { class: "button primary", type: "submit" }, "Send");
  readonly #result = element("div", { role: "status" });
  #paths = "";

  constructor(origin: string) {
    this.#origin = origin;
    this.#data.value = JSON.stringify(EXAMPLES.quiz, null, 2);
    const types = element("datalist", { id: "timed-types" });
    for (const type of Object.keys(EXAMPLES)) types.append(element("option", { value: type }));
    this.#type.addEventListener("change", () => this.#offerExample());
    this.#data.addEventListener("input", () => this.#data.removeAttribute("aria-invalid"));
    this.root = element(
      "form",
      { class: "stack", "aria-label": "Send a timed message" },
      field("Broadcast", this.#broadcast),
      element("div", { class: "columns" }, field("Type", this.#type), field("Delay in ms", this.#delay)),
      types,
      field("Data (JSON)", this.#data, "Up to 1,024 bytes with type, id and time."),
      element("div", { class: "row" }, this.#send),
      this.#result,
    );
    this.root.addEventListener("submit", (event) => {
      event.preventDefault();
      void this.#submit();
    });
  }

  /** Keeps the choice of the user as long as that broadcast is live. */
  setBroadcasts(paths: readonly string[]): void {
    const key = paths.join("\n");
    if (key === this.#paths) return;
    this.#paths = key;
    const chosen = this.#broadcast.value;
    this.#broadcast.replaceChildren(...paths.map((path) => element("option", { value: path }, path)));
    if (paths.includes(chosen)) this.#broadcast.value = chosen;
    this.#send.disabled = paths.length === 0;
  }

  #offerExample(): void {
    const untouched = Object.values(EXAMPLES).some(
      (data) => this.#data.value === JSON.stringify(data, null, 2),
    );
    const example = EXAMPLES[this.#type.value];
    if (untouched && example !== undefined) this.#data.value = JSON.stringify(example, null, 2);
  }

  async #submit(): Promise<void> {
    let data: unknown;
    try {
      data = this.#data.value.trim() === "" ? null : JSON.parse(this.#data.value);
    } catch (error) {
      this.#data.setAttribute("aria-invalid", "true");
      this.#data.focus();
      this.#say("bad", `Data is not JSON: ${error instanceof Error ? error.message : String(error)}`);
      return;
    }
    this.#send.disabled = true;
    try {
      const delayMs = Number(this.#delay.value) || 0;
      const receipt = await sendTimed(this.#origin, this.#broadcast.value, {
        type: this.#type.value,
        data,
        delayMs,
      });
      const inMs = Math.round(receipt.atUs / 1000 - Date.now());
      const when = new Date(receipt.atUs / 1000).toISOString().slice(11, 23);
      this.#say(
        "good",
        `Accepted for the frame of ${when} UTC (${inMs >= 0 ? `in ${inMs}` : `${-inMs}`} ms${inMs < 0 ? " ago" : ""}). Id ${receipt.id}`,
      );
    } catch (error) {
      const status = error instanceof ApiError && error.status > 0 ? ` (${error.status})` : "";
      this.#say("bad", `Not sent${status}: ${error instanceof Error ? error.message : String(error)}`);
    } finally {
      this.#send.disabled = false;
    }
  }

  #say(kind: "good" | "bad", text: string): void {
    this.#result.replaceChildren(element("p", { class: `notice ${kind}` }, text));
  }
}
