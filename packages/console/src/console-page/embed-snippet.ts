import { type NetworkAddresses, sessionUrl } from "../api/network-addresses.ts";
import { CodeBlock, element } from "../element.ts";

/** What to paste: the player for a page, and the address for an encoder. */
export class EmbedSnippet {
  readonly root: HTMLElement;
  readonly #addresses: NetworkAddresses;
  readonly #embed = new CodeBlock("player snippet");
  readonly #publish = new CodeBlock("ffmpeg command");

  constructor(addresses: NetworkAddresses) {
    this.#addresses = addresses;
    this.root = element(
      "div",
      { class: "stack" },
      element("p", { class: "soft" }, "The player, for any page:"),
      this.#embed.root,
      element("p", { class: "soft" }, "A stream, from any encoder:"),
      this.#publish.root,
    );
    this.show("live/demo");
  }

  show(broadcast: string): void {
    const edge = sessionUrl(this.#addresses.edges[0] ?? this.#addresses.origin);
    this.#embed.text = [
      `<script type="module" src="${location.origin}/assets/canopy-player.js"></script>`,
      `<canopy-player src="${edge}" broadcast="${broadcast}" muted controls></canopy-player>`,
    ].join("\n");
    this.#publish.text = `ffmpeg -re -i any.mp4 -c copy -f flv ${this.#addresses.rtmp}/live/x`;
  }
}
