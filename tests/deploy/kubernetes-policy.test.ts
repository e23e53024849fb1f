import { readFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { ROOT } from "../harness/repository-root.ts";
import { containerEnvironment } from "./container-environment.ts";
import { readSettings } from "./read-settings.ts";
import {
  GIVEN_SECRETS,
  type Manifest,
  nodeTemplates,
  OPEN_OVERLAY,
  OVERLAYS,
  podTemplates,
  renderOverlay,
} from "./rendered-manifests.ts";

const VERSION = (JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8")) as { version: string }).version;
/** A node's WebRTC port is this far above its own, unless it is told otherwise. */
const WEBRTC_OFFSET = 1_000;
/** A node that has drained closes its sockets and its files within this. */
const CLOSING_SECONDS = 10;

let rendered: ReadonlyMap<string, readonly Manifest[]>;

beforeAll(() => {
  rendered = new Map(OVERLAYS.map((overlay) => [overlay, renderOverlay(overlay)]));
});

const manifestsOf = (overlay: string): readonly Manifest[] => rendered.get(overlay) ?? [];

/** Runs a rule over all overlays; it names what breaks it. */
function breaks(rule: (manifests: readonly Manifest[], overlay: string) => readonly string[]): string[] {
  return OVERLAYS.flatMap((overlay) =>
    rule(manifestsOf(overlay), overlay).map((text) => `${overlay}: ${text}`),
  );
}

describe("every pod of the manifests", () => {
  it("runs as nobody in particular, with nothing to gain and nothing to write on", () => {
    const wrong = breaks((manifests) =>
      podTemplates(manifests).flatMap(({ name, spec }) => {
        const pod = spec.securityContext ?? {};
        const texts: string[] = [];
        if (pod.runAsNonRoot !== true || !(Number(pod.runAsUser) > 0)) texts.push(`${name} may run as root`);
        if (JSON.stringify(pod.seccompProfile) !== '{"type":"RuntimeDefault"}')
          texts.push(`${name} has no seccomp`);
        for (const container of [...spec.containers, ...(spec.initContainers ?? [])]) {
          const own = container.securityContext ?? {};
          if (own.allowPrivilegeEscalation !== false) texts.push(`${name} may gain privileges`);
          if (own.readOnlyRootFilesystem !== true) texts.push(`${name} can write on its image`);
          if (JSON.stringify(own.capabilities) !== '{"drop":["ALL"]}')
            texts.push(`${name} keeps capabilities`);
        }
        return texts;
      }),
    );
    expect(wrong).toEqual([]);
  });

  it("has limits, all three probes, and an image of one version", () => {
    const wrong = breaks((manifests) =>
      podTemplates(manifests).flatMap(({ name, spec }) =>
        spec.containers.flatMap((container) => {
          const texts: string[] = [];
          for (const kind of ["requests", "limits"] as const) {
            for (const what of ["cpu", "memory"]) {
              if (container.resources?.[kind]?.[what] === undefined)
                texts.push(`${name} has no ${kind} of ${what}`);
            }
          }
          for (const probe of ["startupProbe", "livenessProbe", "readinessProbe"] as const) {
            if (container[probe] === undefined) texts.push(`${name} has no ${probe}`);
          }
          if (!/:v?\d+\.\d+\.\d+(-\w+)?(@sha256:[0-9a-f]{64})?$/.test(container.image)) {
            texts.push(`${name} takes ${container.image}`);
          }
          return texts;
        }),
      ),
    );
    expect(wrong).toEqual([]);
  });

  it("gets a token of the Kubernetes API only if it uses it, and no variables of services", () => {
    const wrong = breaks((manifests) =>
      podTemplates(manifests).flatMap(({ name, spec }) => [
        ...(spec.automountServiceAccountToken !== (name === "StatefulSet prometheus")
          ? [`${name}: token`]
          : []),
        // A service named canopy-x would set CANOPY_X_PORT, which a node refuses as an unknown setting.
        ...(spec.enableServiceLinks !== false ? [`${name}: service links`] : []),
      ]),
    );
    expect(wrong).toEqual([]);
  });

  it("mounts and reads only what is there", () => {
    const wrong = breaks((manifests) => {
      const names = (kind: string) => manifests.filter((m) => m.kind === kind).map((m) => m.metadata.name);
      const secrets = [...names("Secret"), ...Object.keys(GIVEN_SECRETS)];
      const fromCertificates = manifests
        .filter((m) => m.kind === "Certificate")
        .map((m) => m.spec?.secretName);
      return podTemplates(manifests).flatMap(({ manifest, name, spec }) => {
        const claims = (manifest.spec?.volumeClaimTemplates ?? []) as readonly Manifest[];
        const volumes = [...(spec.volumes ?? []).map((v) => v.name), ...claims.map((c) => c.metadata.name)];
        const texts = spec.containers.flatMap((container) =>
          (container.volumeMounts ?? [])
            .filter((mount) => !volumes.includes(mount.name))
            .map((mount) => `${name} mounts ${mount.name}`),
        );
        for (const volume of spec.volumes ?? []) {
          const secret = (volume.secret as { secretName: string } | undefined)?.secretName;
          const config = (volume.configMap as { name: string } | undefined)?.name;
          if (secret !== undefined && ![...secrets, ...fromCertificates].includes(secret))
            texts.push(`${name}: ${secret}`);
          if (config !== undefined && !names("ConfigMap").includes(config)) texts.push(`${name}: ${config}`);
        }
        return texts;
      });
    });
    expect(wrong).toEqual([]);
  });

  it("is let in and out by a network policy that names it, and by nothing else", () => {
    const wrong = breaks((manifests) => {
      const policies = manifests.filter((manifest) => manifest.kind === "NetworkPolicy");
      const selects = (policy: Manifest, labels: Readonly<Record<string, string>>): boolean => {
        const wanted =
          (policy.spec?.podSelector as { matchLabels?: Record<string, string> } | undefined)?.matchLabels ??
          {};
        return Object.entries(wanted).every(([label, value]) => labels[label] === value);
      };
      const denies = policies.filter(
        (policy) => JSON.stringify(policy.spec?.podSelector) === "{}" && policy.spec?.ingress === undefined,
      );
      const texts = denies.length === 1 ? [] : ["nothing denies what is not named"];
      for (const { name, template } of podTemplates(manifests)) {
        const own = policies.filter((policy) => !denies.includes(policy));
        if (!own.some((policy) => selects(policy, template.metadata.labels ?? {}))) texts.push(name);
      }
      return texts;
    });
    expect(wrong).toEqual([]);
  });
});

describe("every node of the manifests", () => {
  it("is given settings that exist, with values that they take, and so is the console", () => {
    const wrong = breaks((manifests) =>
      podTemplates(manifests).flatMap(({ name, spec }) =>
        spec.containers
          .filter(({ image }) => /(^|\/)canopy:/.test(image))
          .flatMap((container) => {
            try {
              readSettings(container.args?.[0], containerEnvironment(container, manifests));
              return [];
            } catch (error) {
              return [`${name}: ${(error as Error).message}`];
            }
          }),
      ),
    );
    expect(wrong).toEqual([]);
  });

  it("listens on the ports that are declared, each on the same port of its machine", () => {
    const wrong = breaks((manifests) =>
      nodeTemplates(manifests).flatMap(({ name, container }) => {
        const settings = readSettings(container.args?.[0], containerEnvironment(container, manifests));
        const first = Number(settings.CANOPY_PORT);
        const expected: string[] = [];
        for (let worker = 1; worker <= Number(settings.CANOPY_WORKERS ?? 1); worker++) {
          const port = first + worker - 1;
          const suffix = worker === 1 ? "" : `-${worker}`;
          expected.push(`http${suffix} ${port}/TCP`, `quic${suffix} ${port}/UDP`);
          if (settings.CANOPY_TIER !== 1) expected.push(`webrtc${suffix} ${port + WEBRTC_OFFSET}/UDP`);
        }
        if (settings.CANOPY_RTMP_PORT !== undefined) expected.push(`rtmp ${settings.CANOPY_RTMP_PORT}/TCP`);
        const declared = (container.ports ?? []).map((p) => `${p.name} ${p.containerPort}/${p.protocol}`);
        const moved = (container.ports ?? []).filter((p) => p.hostPort !== p.containerPort);
        const same = expected.sort().join() === declared.sort().join() && moved.length === 0;
        return same ? [] : [`${name}: ${declared.join(", ")} instead of ${expected.join(", ")}`];
      }),
    );
    expect(wrong).toEqual([]);
  });

  it("has a port of its own, so that nodes of different roles share a machine", () => {
    const wrong = breaks((manifests) => {
      const ports = nodeTemplates(manifests).flatMap(({ container }) =>
        (container.ports ?? []).map((p) => `${p.hostPort}/${p.protocol}`),
      );
      return ports.filter((port, index) => ports.indexOf(port) !== index);
    });
    expect(wrong).toEqual([]);
  });

  it("says how it is reached: its address, by the port that it listens on", () => {
    const wrong = breaks((manifests, overlay) =>
      nodeTemplates(manifests).flatMap(({ name, role, container }) => {
        const settings = readSettings(container.args?.[0], containerEnvironment(container, manifests));
        const url = new URL(String(settings.CANOPY_PUBLIC_URL));
        const http = new URL(String(settings.CANOPY_PUBLIC_HTTP_URL));
        const named =
          overlay === OPEN_OVERLAY || url.hostname.startsWith(`edge-0.${role}.${settings.CANOPY_REGION}.`);
        const scheme = settings.CANOPY_TLS_CERT === undefined ? "http:" : "https:";
        const right =
          url.protocol === "https:" && http.protocol === scheme && url.host === http.host && named;
        return right && url.port === String(settings.CANOPY_PORT)
          ? []
          : [`${name}: ${url.href}, ${http.href}`];
      }),
    );
    expect(wrong).toEqual([]);
  });

  it("is asked how it is by the scheme that it speaks, also by Prometheus", () => {
    const wrong = breaks((manifests) =>
      nodeTemplates(manifests).flatMap(({ name, template, container }) => {
        const scheme = "CANOPY_TLS_CERT" in containerEnvironment(container, manifests) ? "HTTPS" : "HTTP";
        const probes = [container.startupProbe, container.livenessProbe, container.readinessProbe];
        const asked = probes.map(
          (probe) => `${probe?.httpGet?.path} ${probe?.httpGet?.port} ${probe?.httpGet?.scheme}`,
        );
        const annotation = template.metadata.annotations?.["prometheus.io/scheme"] ?? "http";
        const right =
          asked.join() === `/livez http ${scheme},/livez http ${scheme},/readyz http ${scheme}` &&
          annotation.toUpperCase() === scheme;
        return right ? [] : [`${name}: ${asked.join()}, ${annotation}`];
      }),
    );
    expect(wrong).toEqual([]);
  });

  it("has more time to stop than its drain takes", () => {
    const wrong = breaks((manifests) =>
      nodeTemplates(manifests).flatMap(({ name, spec, container }) => {
        const settings = readSettings(container.args?.[0], containerEnvironment(container, manifests));
        const [program, seconds] = container.lifecycle?.preStop?.exec?.command ?? [];
        const preStop = program === "sleep" ? Number(seconds) : Number.NaN;
        const drain = Number(settings.CANOPY_DRAIN_TIME);
        const right =
          drain >= 10 && preStop + drain + CLOSING_SECONDS <= (spec.terminationGracePeriodSeconds ?? 0);
        return right
          ? []
          : [`${name}: ${preStop} s and ${drain} s in ${spec.terminationGracePeriodSeconds} s`];
      }),
    );
    expect(wrong).toEqual([]);
  });

  it("is reached, by a network policy, on each of its ports", () => {
    const wrong = breaks((manifests) => {
      const policy = manifests.find(({ metadata }) => metadata.name === "nodes-from-everywhere");
      const [rule] = (policy?.spec?.ingress ?? []) as readonly {
        ports: readonly { protocol: string; port: number; endPort?: number }[];
      }[];
      return nodeTemplates(manifests).flatMap(({ name, container }) =>
        (container.ports ?? [])
          .filter(
            ({ protocol, containerPort }) =>
              !rule?.ports.some(
                (p) =>
                  p.protocol === protocol &&
                  p.port <= containerPort &&
                  containerPort <= (p.endPort ?? p.port),
              ),
          )
          .map((port) => `${name} ${port.name}`),
      );
    });
    expect(wrong).toEqual([]);
  });

  it("is of this version, and kept from being evicted together with its like", () => {
    const wrong = breaks((manifests) => {
      const budgets = manifests.filter((manifest) => manifest.kind === "PodDisruptionBudget");
      return nodeTemplates(manifests).flatMap(({ manifest, name, container }) => {
        const texts = container.image.endsWith(`:${VERSION}`) ? [] : [`${name} is ${container.image}`];
        const same = budgets.filter(
          (budget) => JSON.stringify(budget.spec?.selector) === JSON.stringify(manifest.spec?.selector),
        );
        if (same.length !== 1 || same[0]?.spec?.maxUnavailable !== 1) texts.push(`${name} has no budget`);
        return texts;
      });
    });
    expect(wrong).toEqual([]);
  });

  it("lets in only those with a token, and has a certificate, but for the overlay for trying out", () => {
    const wrong = breaks((manifests, overlay) =>
      nodeTemplates(manifests).flatMap(({ name, role, container }) => {
        const environment = containerEnvironment(container, manifests);
        const open = "CANOPY_ALLOW_ANONYMOUS" in environment;
        const guarded = "CANOPY_TOKEN_KEY" in environment && "CANOPY_TLS_CERT" in environment;
        const shows = role === "origin" || "CANOPY_PARENT_TOKEN" in environment;
        return (overlay === OPEN_OVERLAY ? open : guarded && shows && !open) ? [] : [name];
      }),
    );
    expect(wrong).toEqual([]);
  });

  it("in the network of its machine still finds names of the cluster", () => {
    const wrong = breaks((manifests) =>
      nodeTemplates(manifests).flatMap(({ name, spec }) =>
        spec.hostNetwork === true && spec.dnsPolicy !== "ClusterFirstWithHostNet" ? [name] : [],
      ),
    );
    expect(wrong).toEqual([]);
  });

  it("has a certificate and a DNS name for what its address says", () => {
    const wrong = breaks((manifests, overlay) => {
      if (overlay === OPEN_OVERLAY) return [];
      return nodeTemplates(manifests).flatMap(({ name, role, container }) => {
        const host = new URL(containerEnvironment(container, manifests).CANOPY_PUBLIC_URL ?? "").hostname;
        const parent = host.slice(host.indexOf(".") + 1);
        const find = (kind: string) => manifests.find((m) => m.kind === kind && m.metadata.name === role);
        const names = (find("Certificate")?.spec?.dnsNames ?? []) as readonly string[];
        const announced =
          find("Service")?.metadata.annotations?.["external-dns.alpha.kubernetes.io/hostname"];
        return names.join() === `${parent},*.${parent}` && announced === parent ? [] : [`${name}: ${host}`];
      });
    });
    expect(wrong).toEqual([]);
  });
});

describe("the services, autoscalers and figures of the manifests", () => {
  it("select pods that are there, by ports that they have", () => {
    const wrong = breaks((manifests) => {
      const pods = podTemplates(manifests);
      return manifests
        .filter((manifest) => manifest.kind === "Service")
        .flatMap((service) => {
          const wanted = Object.entries((service.spec?.selector ?? {}) as Record<string, string>);
          const chosen = pods.filter(({ template }) =>
            wanted.every(([label, value]) => template.metadata.labels?.[label] === value),
          );
          const ports = chosen.flatMap(({ spec }) =>
            spec.containers.flatMap((container) => container.ports ?? []),
          );
          return (service.spec?.ports ?? [])
            .filter((port) => !ports.some((p) => p.name === port.targetPort && p.protocol === port.protocol))
            .map((port) => `${service.metadata.name} ${port.name}`);
        });
    });
    expect(wrong).toEqual([]);
  });

  it("scale workloads that leave their number to the autoscaler", () => {
    const wrong = breaks((manifests) =>
      manifests
        .filter((manifest) => manifest.kind === "ScaledObject")
        .flatMap(({ metadata, spec }) => {
          const target = (spec?.scaleTargetRef ?? {}) as { kind?: string; name?: string };
          const workload = manifests.find((m) => m.kind === target.kind && m.metadata.name === target.name);
          const triggers = (spec?.triggers ?? []) as readonly { metadata: { query: string } }[];
          const asks = triggers.map(({ metadata: { query } }) => query).join();
          const right =
            workload !== undefined &&
            !("replicas" in (workload.spec ?? {})) &&
            asks.includes("canopy_sessions") &&
            asks.includes("canopy_event_loop_utilization_ratio") &&
            asks.split(`role="${target.name}"`).length === 3;
          return right ? [] : [metadata.name];
        }),
    );
    expect(wrong).toEqual([]);
  });

  it("are all in one namespace, and of overlays with relays there are two", () => {
    const wrong = breaks((manifests) =>
      manifests
        .filter((m) => m.kind !== "Namespace" && m.metadata.namespace !== "canopy")
        .map((m) => `${m.kind} ${m.metadata.name}`),
    );
    expect(wrong).toEqual([]);
    const roles = OVERLAYS.map((overlay) =>
      nodeTemplates(manifestsOf(overlay))
        .map(({ role }) => role)
        .sort()
        .join(),
    );
    expect(roles).toEqual(["edge,origin,relay", "edge,origin", "edge,origin,relay", "edge,relay"]);
  });
});
