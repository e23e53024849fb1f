import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { parse, stringify } from "yaml";
import { ROOT } from "../harness/repository-root.ts";

interface Rules {
  readonly groups: readonly {
    readonly rules: readonly {
      readonly alert?: string;
      readonly labels?: Readonly<Record<string, string>>;
      readonly annotations?: Readonly<Record<string, string>>;
    }[];
  }[];
}

interface RuleTests {
  readonly tests: readonly {
    readonly alert_rule_test?: readonly {
      readonly alertname: string;
      readonly exp_alerts: readonly unknown[];
    }[];
  }[];
}

const FOLDER = join(ROOT, "deploy", "prometheus");
const read = (name: string): unknown => parse(readFileSync(join(FOLDER, name), "utf8"));

/** What promtool says; throws, with its output, if it finds something wrong. */
function promtool(...args: readonly string[]): string {
  return execFileSync("promtool", args, { cwd: FOLDER, encoding: "utf8", stdio: "pipe" });
}

describe("the Prometheus rules", () => {
  it("are valid, and raise what their tests expect", () => {
    expect(promtool("check", "rules", "alerts.yaml")).toContain("SUCCESS");
    expect(promtool("test", "rules", "alerts.test.yaml")).toContain("SUCCESS");
  });

  it("have a test that raises each alert, a severity, and say what to do", () => {
    const alerts = (read("alerts.yaml") as Rules).groups
      .flatMap(({ rules }) => rules)
      .filter((rule) => rule.alert !== undefined);
    const raised = (read("alerts.test.yaml") as RuleTests).tests
      .flatMap((test) => test.alert_rule_test ?? [])
      .filter((test) => test.exp_alerts.length > 0)
      .map((test) => test.alertname);
    expect(new Set(alerts.map(({ alert }) => alert))).toEqual(new Set(raised));
    const poor = alerts.filter(
      ({ labels, annotations }) =>
        !["page", "ticket"].includes(labels?.severity ?? "") ||
        Object.keys(annotations ?? {}).join() !== "summary,description",
    );
    expect(poor).toEqual([]);
  });
});

describe("the Prometheus configurations", () => {
  it("are valid", () => {
    expect(promtool("check", "config", "prometheus.compose.yaml")).toContain("is valid");
  });

  // Debian builds Prometheus without the discovery of Kubernetes; its other parts are checked all the same.
  it("for Kubernetes is valid but for what this build of Prometheus does not know", () => {
    const config = read("prometheus.kubernetes.yaml") as {
      readonly scrape_configs: Readonly<Record<string, unknown>>[];
    };
    const [{ kubernetes_sd_configs: discovery, ...rest } = {}] = config.scrape_configs;
    expect(discovery).toEqual([{ role: "pod", namespaces: { own_namespace: true } }]);
    const folder = mkdtempSync(join(tmpdir(), "canopy-prometheus-"));
    try {
      const file = join(folder, "prometheus.yaml");
      writeFileSync(join(folder, "alerts.yaml"), readFileSync(join(FOLDER, "alerts.yaml")));
      writeFileSync(file, stringify({ ...config, scrape_configs: [rest] }));
      expect(promtool("check", "config", file)).toContain("is valid");
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
