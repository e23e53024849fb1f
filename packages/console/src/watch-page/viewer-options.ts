import { defaultUpstreams, type TransportName } from "@canopy/player";
import { type NetworkAddresses, sessionUrl } from "../api/network-addresses.ts";
import { element, field } from "../element.ts";

const TRANSPORT_LABELS: Readonly<Record<TransportName, string>> = {
  webtransport: "WebTransport",
  websocket: "WebSocket",
  whep: "WebRTC (WHEP)",
  hls: "LL-HLS",
};

/** A form whose fields are the query of this page; sending it opens the page anew with them. */
export function viewerOptions(query: URLSearchParams, addresses: NetworkAddresses): HTMLFormElement {
  const broadcast = element("input", {
    type: "text",
    name: "broadcast",
    value: query.get("broadcast") ?? "live/demo",
    required: true,
  });
  const edge = element("select", { name: "edge" });
  addresses.edges.forEach((url, index) => {
    const number = String(index + 1);
    const selected = (query.get("edge") ?? "1") === number;
    edge.append(
      element(
        "option",
        { value: number, selected },
        `Edge ${number} · ${sessionUrl(url).replace("https://", "")}`,
      ),
    );
  });
  const transports = element("select", { name: "transports" });
  transports.append(element("option", { value: "" }, "Best available"));
  for (const { transport } of defaultUpstreams) {
    const selected = query.get("transports") === transport;
    transports.append(element("option", { value: transport, selected }, TRANSPORT_LABELS[transport]));
  }
  const latency = element("input", {
    type: "number",
    name: "latency",
    min: 0,
    max: 8_000,
    step: 10,
    placeholder: "automatic",
    value: query.get("latency") ?? "",
  });
  const sync = element("input", { type: "checkbox", name: "sync", value: "on", checked: query.has("sync") });
  const second = element("input", {
    type: "checkbox",
    name: "second",
    value: "on",
    checked: query.has("second"),
  });
  const form = element(
    "form",
    { class: "stack", method: "get", "aria-label": "What to watch" },
    field("Broadcast", broadcast),
    field("From", edge),
    field("Transport", transports),
    field("Target latency in ms", latency),
    element("label", { class: "check" }, sync, "Synchronous with all other viewers"),
    element("label", { class: "check" }, second, "Second viewer, from the next edge"),
    element("div", { class: "row" }, element("button", { class: "button primary", type: "submit" }, "Apply")),
  );
  // Empty fields mean the default: they stay out of the address.
  form.addEventListener("formdata", ({ formData }) => {
    for (const [name, value] of [...formData]) if (value === "") formData.delete(name);
    const token = query.get("jwt") ?? query.get("token");
    if (token !== null) formData.set("jwt", token);
  });
  return form;
}
