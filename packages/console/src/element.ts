type Child = Node | string | undefined | false;

/** Attributes as strings; `true` sets an empty one, `undefined` and `false` leave it out. */
export type Attributes = Readonly<Record<string, string | number | boolean | undefined>>;

/** Makes an element. Text is always set as text, never parsed: data of the network cannot become markup. */
export function element<Name extends keyof HTMLElementTagNameMap>(
  name: Name,
  attributes: Attributes = {},
  ...children: readonly Child[]
): HTMLElementTagNameMap[Name] {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value === undefined || value === false) continue;
    made.setAttribute(key, value === true ? "" : String(value));
  }
  for (const child of children) if (child !== undefined && child !== false) made.append(child);
  return made;
}

/** A labelled form field: label above, optional hint below, tied together for screen readers. */
export function field(label: string, control: HTMLElement, hint?: string): HTMLDivElement {
  if (control.id === "") control.id = `field-${label.toLowerCase().replaceAll(/[^a-z0-9]+/g, "-")}`;
  const hintId = `${control.id}-hint`;
  if (hint !== undefined) control.setAttribute("aria-describedby", hintId);
  return element(
    "div",
    { class: "field" },
    element("label", { for: control.id }, label),
    control,
    hint !== undefined && element("span", { class: "hint", id: hintId }, hint),
  );
}

/** A list of named figures whose values can be replaced. */
export class Figures {
  readonly root: HTMLDListElement;
  readonly #values = new Map<string, HTMLElement>();

  constructor(names: readonly string[]) {
    this.root = element("dl", { class: "figures" });
    for (const name of names) {
      const value = element("dd", {}, "–");
      this.#values.set(name, value);
      this.root.append(element("div", {}, element("dt", {}, name), value));
    }
  }

  /** Nothing is known of any. */
  clear(): void {
    for (const value of this.#values.values()) value.textContent = "–";
  }

  set(name: string, text: string): void {
    const value = this.#values.get(name);
    if (value && value.textContent !== text) value.textContent = text;
  }
}

/** A block of code with a button that copies it. */
export class CodeBlock {
  readonly root: HTMLDivElement;
  readonly #code: HTMLElement;
  readonly #button: HTMLButtonElement;

  constructor(label: string) {
    this.#code = element("code");
    this.#button = element("button", { class: "button small", type: "button" }, "Copy");
    this.#button.setAttribute("aria-label", `Copy ${label}`);
    this.#button.addEventListener("click", () => void this.#copy());
    this.root = element(
      "div",
      { class: "code" },
      element("pre", { tabindex: 0, "aria-label": label }, this.#code),
      this.#button,
    );
  }

  set text(text: string) {
    if (this.#code.textContent !== text) this.#code.textContent = text;
  }

  async #copy(): Promise<void> {
    try {
      await navigator.clipboard.writeText(this.#code.textContent);
      this.#button.textContent = "Copied";
    } catch {
      // Without permission the text stays selectable: mark it, so that one key copies it.
      getSelection()?.selectAllChildren(this.#code);
      this.#button.textContent = "Selected";
    }
    setTimeout(() => {
      this.#button.textContent = "Copy";
    }, 1600);
  }
}
