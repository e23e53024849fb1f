import {
  type Container,
  type EnvironmentVariable,
  GIVEN_SECRETS,
  type Manifest,
} from "./rendered-manifests.ts";

/** What the downward API tells a pod, with values such as it has. */
const FIELDS: Readonly<Record<string, string>> = {
  "metadata.name": "edge-0",
  "status.hostIP": "192.0.2.10",
};

/**
 * The environment that Kubernetes gives a container. Throws where it would leave something as it is written: a reference
 * to a variable that is not defined before, a ConfigMap or a Secret that is not there.
 */
export function containerEnvironment(
  container: Container,
  manifests: readonly Manifest[],
): Readonly<Record<string, string>> {
  const environment: Record<string, string> = {};
  for (const { configMapRef } of container.envFrom ?? []) {
    Object.assign(environment, findData(manifests, "ConfigMap", configMapRef.name));
  }
  for (const variable of container.env ?? []) {
    environment[variable.name] = resolveVariable(variable, environment, manifests);
  }
  return environment;
}

function resolveVariable(
  variable: EnvironmentVariable,
  before: Readonly<Record<string, string>>,
  manifests: readonly Manifest[],
): string {
  const { value, valueFrom } = variable;
  if (value !== undefined) {
    return value.replace(/\$\(([^)]+)\)/g, (_text, name: string) => {
      const known = before[name];
      if (known === undefined)
        throw new Error(`${variable.name} refers to ${name}, which is not defined before`);
      return known;
    });
  }
  if (valueFrom?.fieldRef !== undefined) return found(FIELDS[valueFrom.fieldRef.fieldPath], variable);
  if (valueFrom?.configMapKeyRef !== undefined) {
    const { name, key } = valueFrom.configMapKeyRef;
    return found(findData(manifests, "ConfigMap", name)[key], variable);
  }
  if (valueFrom?.secretKeyRef !== undefined) {
    const { name, key } = valueFrom.secretKeyRef;
    return found((GIVEN_SECRETS[name] ?? findData(manifests, "Secret", name))[key], variable);
  }
  throw new Error(`${variable.name} has no value`);
}

function found(value: string | undefined, variable: EnvironmentVariable): string {
  if (value === undefined) throw new Error(`nothing gives ${variable.name} its value`);
  return value;
}

function findData(
  manifests: readonly Manifest[],
  kind: "ConfigMap" | "Secret",
  name: string,
): Readonly<Record<string, string>> {
  const manifest = manifests.find((candidate) => candidate.kind === kind && candidate.metadata.name === name);
  if (manifest === undefined) throw new Error(`there is no ${kind} ${name}`);
  const decode = (text: string) => (kind === "Secret" ? Buffer.from(text, "base64").toString() : text);
  return Object.fromEntries(Object.entries(manifest.data ?? {}).map(([key, text]) => [key, decode(text)]));
}
