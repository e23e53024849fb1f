import "./examples.css";
import { element } from "../element.ts";
import { openPage, pageHead } from "../shell/page-shell.ts";

const EXAMPLES: readonly { readonly title: string; readonly text: string; readonly href: string }[] = [
  {
    title: "One viewer",
    text: "The test broadcast over the best transport that this browser and network allow.",
    href: "/watch?broadcast=live/demo",
  },
  {
    title: "Two edges side by side",
    text: "Two players on two edges of the tree. Their burnt-in clocks show how far apart they are.",
    href: "/watch?broadcast=live/demo&second=on",
  },
  {
    title: "In step",
    text: "Both players hold the same delay to the wall clock, so that everybody sees the same frame together.",
    href: "/watch?broadcast=live/demo&second=on&sync=on&latency=400",
  },
  {
    title: "As soon as possible",
    text: "A target of 60 ms: how low the delay goes depends on this machine and its network.",
    href: "/watch?broadcast=live/demo&latency=60",
  },
  {
    title: "Publish a test pattern",
    text: "A moving pattern with a clock, encoded in this browser and sent as Media over QUIC.",
    href: "/publish?source=pattern&broadcast=live/pattern",
  },
  {
    title: "Events on their frame",
    text: "Send a quiz question or a lyric from the console and see it appear on exactly its frame.",
    href: "/#panel-timed-message",
  },
];

const main = openPage("/examples");
const cards = EXAMPLES.map(({ title, text, href }) =>
  element(
    "li",
    {},
    element(
      "a",
      { href },
      element("h2", {}, title),
      element("p", { class: "soft" }, text),
      element("span", { class: "where" }, href),
    ),
  ),
);
main.append(
  pageHead("Examples", "Pages that show what a broadcast can do, all with the network that runs now."),
  element("ul", { class: "cards" }, ...cards),
);
