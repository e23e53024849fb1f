import { describe, expect, it } from "vitest";
import { type RedisSettings, readRedisSettings } from "./redis-options.ts";

const read = (urls: readonly string[], more: Partial<RedisSettings> = {}) =>
  readRedisSettings({
    urls,
    cluster: false,
    sentinelMaster: undefined,
    ca: undefined,
    prefix: "canopy",
    timeoutMs: 1_000,
    ...more,
  });

describe("readRedisSettings", () => {
  it("takes one URL for a server, several for a Cluster, and any with a master's name for sentinels", () => {
    expect(read(["redis://a"])).toMatchObject({ kind: "single", addresses: [{ host: "a", port: 6_379 }] });
    expect(read(["redis://a", "redis://b:7000"])).toMatchObject({
      kind: "cluster",
      addresses: [
        { host: "a", port: 6_379 },
        { host: "b", port: 7_000 },
      ],
    });
    expect(read(["redis://a"], { cluster: true }).kind).toBe("cluster");
    expect(read(["redis://a"], { sentinelMaster: "main" })).toMatchObject({
      kind: "sentinel",
      addresses: [{ host: "a", port: 26_379 }],
      sentinelMaster: "main",
    });
  });

  it("reads name, password, database and addresses in brackets", () => {
    expect(read(["rediss://me:p%40ss@[::1]:6380/3"], { ca: "PEM" })).toMatchObject({
      addresses: [{ host: "::1", port: 6_380 }],
      username: "me",
      password: "p@ss",
      database: 3,
      tls: { ca: "PEM" },
    });
    expect(read(["redis://a"])).toMatchObject({ username: undefined, password: undefined, tls: undefined });
  });

  it("refuses what cannot be, and shows no password", () => {
    const wrong: [readonly string[], Partial<RedisSettings>?][] = [
      [["http://a"]],
      [["redis://me:secret@"]],
      [["redis://:secret@a/x"]],
      [["redis://:secret@a/99"]],
      [["redis://a/1", "redis://b"]],
      [["redis://a", "rediss://b"]],
      [["redis://a"], { cluster: true, sentinelMaster: "main" }],
      [["redis://a"], { prefix: "{x}" }],
      [["redis://a"], { prefix: "" }],
      [[]],
    ];
    for (const [urls, more] of wrong) {
      expect(() => read(urls, more), urls.join()).toThrow(
        expect.objectContaining({ code: "config-invalid", message: expect.not.stringContaining("secret") }),
      );
    }
  });
});
