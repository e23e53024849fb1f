/** One command of a page, as it is to be typed, without its comment. */
export interface ShellSample {
  readonly command: string;
  /** The comment lines behind it: what it prints, or what it is for. */
  readonly comments: readonly string[];
}

/** The commands in the `sh` blocks of a Markdown page, in order; lines that go on with a backslash are one command. */
export function shellSamples(markdown: string): ShellSample[] {
  const samples: { command: string; comments: string[] }[] = [];
  for (const [, block = ""] of markdown.matchAll(/^```sh\n([\s\S]*?)^```/gm)) {
    for (const line of block.replaceAll(/\\\n\s*/g, "").split("\n")) {
      const [, text = "", comment] = /^(.*?)(?:(?:^|\s+)#\s(.*))?$/.exec(line) ?? [];
      if (text.trim() !== "") samples.push({ command: text.trim(), comments: [] });
      if (comment !== undefined) samples.at(-1)?.comments.push(comment);
    }
  }
  return samples;
}
