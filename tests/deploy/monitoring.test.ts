import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parse, stringify } from "yaml";
import { type CanopyDev, startCanopyDev } from "../harness/canopy-dev.ts";
import { type StartedProcess, startProcess } from "../harness/child-process.ts";
import { findFreePorts } from "../harness/free-ports.ts";
import { ROOT } from "../harness/repository-root.ts";
import { waitFor } from "../harness/wait-for.ts";
import { OVERLAYS, renderOverlay } from "./rendered-manifests.ts";

interface Panel {
  readonly title: string;
  readonly targets?: readonly { readonly expr: string; readonly legendFormat: string }[];
}

interface Series {
  readonly metric: Readonly<Record<string, string>>;
}

const DEPLOY = join(ROOT, "deploy");
/** Labels that come from the scrape configuration, not from the nodes. */
const SCRAPED_LABELS = ["job", "instance", "node", "role", "region"];
const dashboard = JSON.parse(readFileSync(join(DEPLOY, "grafana", "dashboards", "canopy.json"), "utf8")) as {
  readonly panels: readonly Panel[];
};
const rules = parse(readFileSync(join(DEPLOY, "prometheus", "alerts.yaml"), "utf8")) as {
  readonly groups: readonly {
    readonly rules: readonly { readonly expr: string; readonly record?: string }[];
  }[];
};
const ruleList = rules.groups.flatMap((group) => group.rules);

let dev: CanopyDev;
let prometheus: StartedProcess;
let api: string;
let folder: string;

/** A Prometheus with the configuration of deploy/compose, at the addresses of the nodes of this test. */
beforeAll(async () => {
  dev = await startCanopyDev({ edges: 2, broadcaster: true });
  folder = mkdtempSync(join(tmpdir(), "canopy-prometheus-"));
  const port = await findFreePorts(1);
  api = `http://127.0.0.1:${port}/api/v1`;
  const config = parse(readFileSync(join(DEPLOY, "prometheus", "prometheus.compose.yaml"), "utf8")) as {
    readonly global: Record<string, string>;
    readonly scrape_configs: readonly { readonly static_configs: readonly { targets: string[] }[] }[];
  };
  Object.assign(config.global, { scrape_interval: "1s", scrape_timeout: "1s", evaluation_interval: "1s" });
  const nodes = [dev.origin, dev.relay, ...dev.edges];
  for (const [index, target] of (config.scrape_configs[0]?.static_configs ?? []).entries()) {
    target.targets = [new URL(nodes[index] ?? "").host];
  }
  writeFileSync(join(folder, "alerts.yaml"), readFileSync(join(DEPLOY, "prometheus", "alerts.yaml")));
  writeFileSync(join(folder, "prometheus.yaml"), stringify(config));
  prometheus = startProcess("prometheus", [
    `--config.file=${join(folder, "prometheus.yaml")}`,
    `--storage.tsdb.path=${join(folder, "data")}`,
    `--web.listen-address=127.0.0.1:${port}`,
    "--log.level=warn",
  ]);
  await waitFor("figures of all nodes", async () => {
    const up = await query('up{job="canopy"} == 1').catch(() => []);
    return up.length === nodes.length;
  });
});

afterAll(async () => {
  await prometheus?.stop();
  await dev?.stop();
  if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
});

async function ask(path: string, parameters: Readonly<Record<string, string>>): Promise<unknown> {
  const response = await fetch(`${api}/${path}?${new URLSearchParams(parameters)}`);
  const answer = (await response.json()) as { status: string; error?: string; data: unknown };
  if (answer.status !== "success") throw new Error(`${parameters.query ?? path}: ${answer.error}`);
  return answer.data;
}

async function query(expression: string): Promise<readonly Series[]> {
  const data = (await ask("query", { query: expression })) as { readonly result: readonly Series[] };
  return data.result;
}

/** A panel's query as Grafana sends it with its first choices. */
function filledIn(expression: string): string {
  return expression.replaceAll("$__rate_interval", "1m").replaceAll(/\$(region|role|node)\b/g, ".*");
}

/** Names of metrics in an expression, each with the labels that it is selected or grouped by. */
function metricNames(expression: string): readonly string[] {
  const outside = expression.replaceAll(/\{[^}]*\}|"[^"]*"|\b(by|without|on|ignoring)\s*\([^)]*\)/g, " ");
  return [...outside.matchAll(/\b[a-z_][\w:]*\b(?!\s*\()/gi)]
    .map(([name]) => name)
    .filter((name) => /^(canopy|process|nodejs|up$)/.test(name));
}

function labelNames(expression: string): readonly string[] {
  const selected = [...expression.matchAll(/(\w+)\s*(?:=~|!~|!=|=)\s*"/g)].map(([, name]) => name ?? "");
  const grouped = [...expression.matchAll(/\bby\s*\(([^)]*)\)/g)].flatMap(([, list]) =>
    (list ?? "").split(","),
  );
  return [...selected, ...grouped].map((name) => name.trim()).filter((name) => name !== "" && name !== "le");
}

describe("the dashboard and the alert rules, on figures of running nodes", () => {
  it("name only metrics and labels that the nodes have", async () => {
    const panels = dashboard.panels.flatMap(({ title, targets }) =>
      (targets ?? []).map(({ expr }) => ({ where: `panel ${title}`, expr })),
    );
    const recorded = ruleList.flatMap(({ record }) => record ?? []);
    const scaling = OVERLAYS.flatMap((overlay) => renderOverlay(overlay))
      .filter(({ kind }) => kind === "ScaledObject")
      .flatMap(({ metadata, spec }) =>
        ((spec?.triggers ?? []) as readonly { metadata: { query: string } }[]).map((trigger) => ({
          where: `autoscaler ${metadata.name}`,
          expr: trigger.metadata.query,
        })),
      );
    const expressions = [...panels, ...ruleList.map(({ expr }) => ({ where: "rule", expr })), ...scaling];
    expect(expressions.length).toBeGreaterThan(60);
    const wrong: string[] = [];
    const labelsOf = new Map<string, ReadonlySet<string>>();
    for (const { where, expr } of expressions) {
      const known = new Set(SCRAPED_LABELS);
      const names = metricNames(expr);
      if (names.length === 0) wrong.push(`${where} names no metric: ${expr}`);
      for (const name of names) {
        if (recorded.includes(name)) continue;
        if (!labelsOf.has(name)) {
          const series = (await ask("series", { "match[]": name })) as readonly Readonly<
            Record<string, string>
          >[];
          labelsOf.set(name, new Set(series.flatMap((labels) => Object.keys(labels))));
        }
        const labels = labelsOf.get(name) ?? new Set();
        if (labels.size === 0) wrong.push(`${where}: no node has ${name}`);
        for (const label of labels) known.add(label);
      }
      for (const label of labelNames(expr))
        if (!known.has(label)) wrong.push(`${where}: ${label} in ${expr}`);
    }
    expect(wrong).toEqual([]);
  });

  it("are understood by Prometheus, and show figures where there are any", async () => {
    const empty: string[] = [];
    // Rates need two scrapes; until then these, too, would show nothing.
    await waitFor("rates", async () => (await query("rate(canopy_sent_bytes_total[1m]) > 0")).length > 0);
    for (const { title, targets } of dashboard.panels) {
      const results = await Promise.all((targets ?? []).map(({ expr }) => query(filledIn(expr))));
      if (targets !== undefined && results.every((result) => result.length === 0)) empty.push(title);
      for (const [index, result] of results.entries()) {
        // What a legend names must be in the answer, or all lines are called alike.
        const legend = [...(targets?.[index]?.legendFormat ?? "").matchAll(/\{\{(\w+)\}\}/g)].map(
          ([, name]) => name,
        );
        for (const { metric } of result)
          expect(Object.keys(metric), title).toEqual(expect.arrayContaining(legend));
      }
    }
    expect(empty).toEqual([]);
  });

  it("raise no alert on a network that is well, and one on a node that dies", async () => {
    const states = await waitFor("an evaluation of every rule", async () => {
      const answer = (await ask("rules", {})) as {
        readonly groups: readonly {
          readonly rules: readonly { readonly health: string; readonly state?: string }[];
        }[];
      };
      const all = answer.groups.flatMap((group) => group.rules);
      return all.every(({ health }) => health !== "unknown") && all;
    });
    expect(states).toHaveLength(ruleList.length);
    expect(states.filter(({ health }) => health !== "ok")).toEqual([]);
    expect(states.filter(({ state }) => state === "firing")).toEqual([]);
    await dev.stop();
    await waitFor("the alert of a node that is down", async () => {
      const alerts = await query('ALERTS{alertname="CanopyNodeDown",alertstate="pending"}');
      return alerts.length === 4;
    });
  });
});
