import { element } from "../element.ts";

/** Does what a button asks for; it is disabled meanwhile, and `result` tells what went wrong. */
export async function actWithButton(
  button: HTMLButtonElement,
  result: HTMLElement,
  work: () => Promise<unknown>,
): Promise<void> {
  button.disabled = true;
  try {
    await work();
    result.replaceChildren();
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    result.replaceChildren(element("p", { class: "notice bad" }, message));
  } finally {
    button.disabled = false;
  }
}
