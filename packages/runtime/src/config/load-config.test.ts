import { describe, expect, it } from "vitest";
import { defineGroup } from "./config-group.ts";
import { configReference } from "./config-reference.ts";
import { durationOption } from "./duration-option.ts";
import { loadConfig } from "./load-config.ts";
import { choiceOption, listOption, numberOption, portOption, switchOption, textOption } from "./option.ts";

const groups = {
  listen: defineGroup("Where it listens.", {
    port: portOption({ name: "port", default: 4443, description: "Port." }),
    maxSessions: numberOption({
      name: "max-sessions",
      default: 10,
      min: 1,
      max: 99,
      unit: "sessions",
      description: "Most.",
    }),
  }),
  tree: defineGroup("Place in the tree.", {
    parents: listOption({ name: "parent", description: "Parents." }),
    mode: choiceOption({ name: "mode", default: "a", choices: ["a", "b"], description: "Mode." }),
    open: switchOption({ name: "allow-anonymous", description: "Open." }),
    key: textOption({ name: "token-key", default: undefined, description: "Key." }),
    ttl: durationOption({ name: "ttl", defaultSeconds: 60, description: "Time." }),
  }),
};

const load = (sources: { file?: unknown; env?: Record<string, string>; flags?: Record<string, unknown> }) =>
  loadConfig(groups, {
    file: sources.file === undefined ? undefined : { name: "canopy.json", content: sources.file },
    env: sources.env ?? {},
    flags: sources.flags ?? {},
  });

describe("loadConfig", () => {
  it("gives the defaults as a nested object", () => {
    expect(load({})).toEqual({
      listen: { port: 4443, maxSessions: 10 },
      tree: { parents: [], mode: "a", open: false, key: undefined, ttl: 60 },
    });
  });

  it("lets the environment win over the file and flags over both", () => {
    const file = { listen: { port: 1, maxSessions: 2 }, tree: { parents: ["x"], ttl: "2m" } };
    const env = {
      CANOPY_PORT: "3",
      CANOPY_MAX_SESSIONS: "4",
      CANOPY_PARENT: "a, b",
      CANOPY_ALLOW_ANONYMOUS: "true",
    };
    const config = load({ file, env, flags: { port: "5" } });
    expect(config.listen).toEqual({ port: 5, maxSessions: 4 });
    expect(config.tree).toMatchObject({ parents: ["a", "b"], open: true, ttl: 120 });
  });

  it.each([
    [{ flags: { prot: "1" } }, "unknown --prot on the command line; did you mean --port?"],
    [
      { env: { CANOPY_PARRENT: "x" } },
      "unknown CANOPY_PARRENT in the environment; did you mean CANOPY_PARENT?",
    ],
    [{ file: { lisen: {} } }, "unknown lisen in canopy.json; did you mean listen?"],
    [
      { file: { listen: { maxSesions: 1 } } },
      "unknown listen.maxSesions in canopy.json; did you mean listen.maxSessions?",
    ],
  ])("refuses the unknown name in %j and names the nearest one", (sources, message) => {
    expect(() => load(sources)).toThrow(expect.objectContaining({ code: "config-unknown-key", message }));
  });

  it.each([
    [{ flags: { port: "http" } }, "--port must be a whole number from 0 to 65535"],
    [{ env: { CANOPY_PORT: "70000" } }, "CANOPY_PORT must be a whole number from 0 to 65535"],
    [
      { file: { listen: { port: 1.5 } } },
      "listen.port in canopy.json must be a whole number from 0 to 65535",
    ],
    [{ file: { tree: { mode: "c" } } }, "tree.mode in canopy.json must be one of a, b"],
    [{ file: { tree: { parents: [1] } } }, "tree.parents in canopy.json must be a list of text"],
    [{ file: { tree: { open: "maybe" } } }, "tree.open in canopy.json must be true or false"],
    [{ file: [] }, "canopy.json must be a JSON object"],
    [{ file: { tree: 1 } }, "tree in canopy.json must be a JSON object"],
    [{ flags: { ttl: "soon" } }, "--ttl must be a time such as 90s, 15m, 1h or 7d"],
    [{ env: { CANOPY_TOKEN_KEY: "" } }, "CANOPY_TOKEN_KEY must not be empty"],
  ])("refuses the value in %j", (sources, message) => {
    expect(() => load(sources)).toThrow(expect.objectContaining({ code: "config-invalid", message }));
  });

  it("does not take names of Object's own properties for groups or keys", () => {
    expect(() => load({ file: JSON.parse('{"constructor": {}}') })).toThrow("unknown constructor");
    expect(() => load({ file: JSON.parse('{"listen": {"toString": 1}}') })).toThrow(
      "unknown listen.toString",
    );
  });
});

describe("configReference", () => {
  it("describes every option with flag, variable, key, type and default", () => {
    const text = configReference(groups);
    expect(text).toContain("### `listen`");
    expect(text).toContain(
      "| `--max-sessions` | `CANOPY_MAX_SESSIONS` | `listen.maxSessions` | whole number, 1 to 99 | `10` sessions | Most. |",
    );
    expect(text).toContain(
      "| `--parent` | `CANOPY_PARENT` | `tree.parents` | list of text | none | Parents. |",
    );
  });
});
