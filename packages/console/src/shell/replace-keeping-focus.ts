/** Shows other children; what had the focus gets it again, found by its `data-focus`. */
export function replaceKeepingFocus(list: HTMLElement, children: readonly Node[]): void {
  const focused = document.activeElement?.getAttribute("data-focus");
  list.replaceChildren(...children);
  if (focused) list.querySelector<HTMLElement>(`[data-focus="${CSS.escape(focused)}"]`)?.focus();
}
