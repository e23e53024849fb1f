import { describe, expect, it } from "vitest";
import { readText, repositoryFiles } from "./repository-files.ts";

/** Over this a source file needs a reason in its header comment (a line with "Long because"). */
const LONG_FILE_LINES = 600;
/** Almost no source file is longer than this. */
const USUAL_FILE_LINES = 400;
/** Share of source files that may be longer than usual. */
const LONG_SHARE = 0.03;

const files = repositoryFiles();
const sources = files.filter(
  (path) => /^packages\/[^/]+\/src\/.*\.ts$/.test(path) && !path.endsWith(".test.ts"),
);

describe("source files", () => {
  it("are named for what they do", () => {
    const vague = files.filter((path) => /\/(types|utils?|helpers?|misc|common)\.ts$/.test(path));
    expect(vague).toEqual([]);
  });

  it("are written in kebab-case", () => {
    const wrong = sources.filter((path) => !/\/[a-z0-9]+(-[a-z0-9]+)*(\.d|\.worklet)?\.ts$/.test(path));
    expect(wrong).toEqual([]);
  });

  it("are short, and the rare long one says why", () => {
    const lengths = sources.map((path) => ({ path, lines: readText(path).split("\n").length }));
    const unexplained = lengths.filter(
      ({ path, lines }) => lines > LONG_FILE_LINES && !/Long because/.test(readText(path).slice(0, 1500)),
    );
    expect(unexplained).toEqual([]);
    const long = lengths.filter(({ lines }) => lines > USUAL_FILE_LINES);
    expect(long.length, long.map(({ path }) => path).join(", ")).toBeLessThanOrEqual(
      Math.ceil(sources.length * LONG_SHARE),
    );
  });

  it("name no unfinished work", () => {
    const words = new RegExp(["TO", "DO|FIX", "ME|not implemented"].join(""));
    const wrong = files
      .filter(
        (path) => /\.(ts|mjs|css|html|sh|ya?ml|md)$/.test(path) && !path.startsWith("tests/repository/"),
      )
      .filter((path) => words.test(readText(path)));
    expect(wrong).toEqual([]);
  });

  it("are free of clocks, promises and consoles where the bytes are handled", () => {
    const wrong: string[] = [];
    for (const path of sources.filter((file) => /^packages\/(media|protocol)\/src\//.test(file))) {
      const code = readText(path).replace(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, "");
      const found =
        /\b(Promise|async|await|setTimeout|setInterval|Date\.now|performance\.|Math\.random|console\.)/.exec(
          code,
        );
      if (found !== null) wrong.push(`${path}: ${found[0]}`);
    }
    expect(wrong).toEqual([]);
  });
});

describe("test files", () => {
  it("are never skipped or focused", () => {
    const pattern = new RegExp(
      `\\b(?:it|test|describe)\\.(?:${["skip", "only", "todo"].join("|")})\\b|skipIf|runIf`,
    );
    const wrong = files
      .filter((path) => path.endsWith(".test.ts") && !path.startsWith("tests/repository/"))
      .filter((path) => pattern.test(readText(path)));
    expect(wrong).toEqual([]);
  });
});
