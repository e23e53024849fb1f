import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { parseAllDocuments } from "yaml";
import { ROOT } from "../harness/repository-root.ts";
import { findKubectl } from "./find-kubectl.ts";

/** Folders below deploy/kubernetes/overlays that an operator applies. */
export const OVERLAYS = ["dev", "single-region", "multi-region/eu-central", "multi-region/us-east"] as const;

/** The one that is not for the internet. */
export const OPEN_OVERLAY = "dev";

/** Secrets that operators make by hand (docs/75-deploy.md), with values such as they have. */
export const GIVEN_SECRETS: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  "canopy-redis": { url: "rediss://:secret@redis.example.com:6380", password: "secret" },
  "canopy-token-key": { "jwks.json": "{}" },
  "canopy-parent-token": { token: "eyJhbGciOiJFUzI1NiJ9.e30.c2ln" },
  "canopy-grafana": { "admin-password": "secret" },
};

export interface Manifest {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
  };
  readonly data?: Readonly<Record<string, string>>;
  readonly spec?: Workload;
  readonly [key: string]: unknown;
}

/** What tests read of a spec; the schema test looks at all of it. */
export interface Workload {
  readonly template?: { readonly metadata: Manifest["metadata"]; readonly spec: PodSpec };
  readonly selector?: unknown;
  readonly ports?: readonly ServicePort[];
  readonly [key: string]: unknown;
}

export interface ServicePort {
  readonly name: string;
  readonly port: number;
  readonly targetPort: string | number;
  readonly protocol: string;
}

export interface PodSpec {
  readonly containers: readonly Container[];
  readonly initContainers?: readonly Container[];
  readonly terminationGracePeriodSeconds?: number;
  readonly enableServiceLinks?: boolean;
  readonly automountServiceAccountToken?: boolean;
  readonly hostNetwork?: boolean;
  readonly dnsPolicy?: string;
  readonly securityContext?: Readonly<Record<string, unknown>>;
  readonly volumes?: readonly Readonly<Record<string, unknown>>[];
  readonly [key: string]: unknown;
}

export interface Container {
  readonly name: string;
  readonly image: string;
  readonly args?: readonly string[];
  readonly env?: readonly EnvironmentVariable[];
  readonly envFrom?: readonly { readonly configMapRef: { readonly name: string } }[];
  readonly ports?: readonly {
    readonly name: string;
    readonly containerPort: number;
    readonly hostPort?: number;
    readonly protocol: string;
  }[];
  readonly resources?: Readonly<Record<"requests" | "limits", Readonly<Record<string, string>>>>;
  readonly securityContext?: Readonly<Record<string, unknown>>;
  readonly volumeMounts?: readonly { readonly name: string; readonly mountPath: string }[];
  readonly lifecycle?: { readonly preStop?: { readonly exec?: { readonly command: readonly string[] } } };
  readonly startupProbe?: Probe;
  readonly livenessProbe?: Probe;
  readonly readinessProbe?: Probe;
}

export interface Probe {
  readonly httpGet?: { readonly path: string; readonly port: string; readonly scheme?: string };
  readonly exec?: unknown;
}

export interface EnvironmentVariable {
  readonly name: string;
  readonly value?: string;
  readonly valueFrom?: {
    readonly fieldRef?: { readonly fieldPath: string };
    readonly configMapKeyRef?: { readonly name: string; readonly key: string };
    readonly secretKeyRef?: { readonly name: string; readonly key: string };
  };
}

/** What `kubectl apply --kustomize` of the overlay would apply. */
export function renderOverlay(overlay: string): readonly Manifest[] {
  const folder = join(ROOT, "deploy", "kubernetes", "overlays", overlay);
  const text = execFileSync(findKubectl(), ["kustomize", folder], { encoding: "utf8", maxBuffer: 64 << 20 });
  return parseAllDocuments(text).map((document) => {
    if (document.errors.length > 0) throw document.errors[0];
    return document.toJS() as Manifest;
  });
}

/** Every pod template of an overlay. */
export function podTemplates(manifests: readonly Manifest[]) {
  return manifests.flatMap((manifest) => {
    const template = manifest.spec?.template;
    return template === undefined || template.spec.containers === undefined
      ? []
      : [{ manifest, name: `${manifest.kind} ${manifest.metadata.name}`, template, spec: template.spec }];
  });
}

/** Those that run a Canopy node. */
export function nodeTemplates(manifests: readonly Manifest[]) {
  return podTemplates(manifests).flatMap((pod) => {
    if (pod.template.metadata.labels?.["app.kubernetes.io/name"] !== "canopy") return [];
    const [container] = pod.spec.containers;
    if (container === undefined) throw new Error(`${pod.name} has no container`);
    return [{ ...pod, container, role: pod.manifest.metadata.name }];
  });
}
