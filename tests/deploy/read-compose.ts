import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { dirname } from "node:path";
import { parse } from "yaml";

/** The plugin of docker, or the program by itself, which Debian's package `docker-compose` brings. */
const COMMANDS = [["docker", "compose"], ["docker-compose"]] as const;

export interface ReadService {
  readonly image: string;
  readonly command?: readonly string[];
  readonly environment?: Readonly<Record<string, unknown>>;
}

/** What Compose itself makes of a file: `docker compose config`, which needs no daemon. */
export function readCompose(file: string, project: string): Readonly<Record<string, ReadService>> {
  const [command, version] = findCompose();
  const text = readFileSync(file, "utf8");
  // Compose 1 knows all that the file uses but the project's name in it.
  const input = version.startsWith("1.") ? text.replace(/^name:.*$/m, "") : text;
  const [program, ...args] = command;
  const options = ["--project-name", project, "--project-directory", dirname(file), "--file", "-"];
  const output = execFileSync(program, [...args, ...options, "config"], {
    encoding: "utf8",
    input,
    stdio: "pipe",
  });
  return (parse(output) as { readonly services: Readonly<Record<string, ReadService>> }).services;
}

function findCompose(): [command: (typeof COMMANDS)[number], version: string] {
  for (const command of COMMANDS) {
    const [program, ...args] = command;
    try {
      const text = execFileSync(program, [...args, "version", "--short"], {
        encoding: "utf8",
        stdio: "pipe",
      });
      return [command, text.trim().replace(/^v/, "")];
    } catch {
      // It is not there; the next may be.
    }
  }
  throw new Error("docker compose is needed: run `npm test` once, which installs it, or install it");
}
