/** video.js' parser has no types of its own. */
declare module "m3u8-parser" {
  export class Parser {
    readonly manifest: unknown;
    push(text: string): void;
    end(): void;
  }
}
