import "../style/base.css";
import "../style/parts.css";
import { element } from "../element.ts";
import { applyTheme, switchTheme } from "./theme.ts";

const PAGES = [
  ["/", "Console"],
  ["/watch", "Watch"],
  ["/publish", "Publish"],
  ["/replay", "Replay"],
  ["/examples", "Examples"],
] as const;

/** Draws the bar that all pages share and returns the main element of the page. */
export function openPage(current: (typeof PAGES)[number][0]): HTMLElement {
  const theme = applyTheme();
  const toggle = element("button", { class: "button small quiet", type: "button" });
  const label = (now: string): void => {
    toggle.textContent = now === "light" ? "Dark" : "Light";
    toggle.setAttribute("aria-label", `Switch to the ${now === "light" ? "dark" : "light"} theme`);
  };
  label(theme);
  toggle.addEventListener("click", () => label(switchTheme()));
  const nav = element("nav", { "aria-label": "Pages" });
  for (const [href, name] of PAGES) {
    nav.append(element("a", { href, "aria-current": href === current ? "page" : undefined }, name));
  }
  const icon = element("img", { src: "/icon.svg", width: 26, height: 26, alt: "" });
  const bar = element(
    "header",
    { class: "topbar" },
    element("a", { class: "brand", href: "/" }, icon, "Canopy"),
    nav,
    toggle,
  );
  document.getElementById("shell")?.replaceWith(bar);
  const main = document.querySelector("main");
  if (!main) throw new Error("the page has no main element");
  return main;
}

/** Title and one sentence at the top of a page; `actions` stand at its right. */
export function pageHead(title: string, text: string, ...actions: HTMLElement[]): HTMLElement {
  return element(
    "div",
    { class: "page-head" },
    element("div", {}, element("h1", {}, title), element("p", {}, text)),
    element("div", { class: "row" }, ...actions),
  );
}

/** A titled card. */
export function panel(title: string, body: readonly Node[], aside?: Node): HTMLElement {
  const id = `panel-${title.toLowerCase().replaceAll(/[^a-z0-9]+/g, "-")}`;
  return element(
    "section",
    { class: "panel", "aria-labelledby": id },
    element("header", {}, element("h2", { id }, title), aside),
    element("div", { class: "body" }, ...body),
  );
}
