import { createHash, createPrivateKey, X509Certificate } from "node:crypto";
import { readFile } from "node:fs/promises";
import { ConfigError, type Logger } from "@canopy/runtime";

/** How often files are read again and the age of a development certificate is looked at. */
const CHECK_INTERVAL_MS = 60_000;
/** Browsers pin development certificates of at most 14 days; renew with a day to spare for open pages. */
const RENEW_BEFORE_MS = 24 * 60 * 60 * 1_000;

/** A certificate chain in force. */
export interface TlsCertificate {
  readonly certPem: string;
  readonly keyPem: string;
  /** SHA-256 of the leaf in DER form, lower-case hex. */
  readonly sha256Hex: string;
  readonly notAfter: Date;
}

export interface CertificateFiles {
  readonly certPath: string;
  readonly keyPath: string;
}

export interface NodeCertificateDeps {
  readonly logger: Logger;
  /** Makes a certificate of at most 14 days when no files are given. */
  readonly createDevelopmentCertificate: () => Promise<TlsCertificate>;
  /** Wall time in milliseconds. */
  readonly nowMs?: () => number;
}

/** The node's certificate: read from files and read again when they change, or made here and renewed in time. */
export class NodeCertificate {
  readonly #files: CertificateFiles | undefined;
  readonly #deps: NodeCertificateDeps;
  readonly #listeners = new Set<(certificate: TlsCertificate) => void>();
  readonly #timer: NodeJS.Timeout;
  #current: TlsCertificate;

  private constructor(
    files: CertificateFiles | undefined,
    current: TlsCertificate,
    deps: NodeCertificateDeps,
  ) {
    this.#files = files;
    this.#current = current;
    this.#deps = deps;
    this.#timer = setInterval(() => {
      this.check().catch((error: unknown) => {
        deps.logger.error({ err: error }, "the certificate could not be renewed");
      });
    }, CHECK_INTERVAL_MS);
    this.#timer.unref();
  }

  static async open(
    files: CertificateFiles | undefined,
    deps: NodeCertificateDeps,
  ): Promise<NodeCertificate> {
    const current =
      files === undefined ? await deps.createDevelopmentCertificate() : await readCertificate(files);
    return new NodeCertificate(files, current, deps);
  }

  get current(): TlsCertificate {
    return this.#current;
  }

  /** True if it was made here: clients have to pin its hash. */
  get isDevelopment(): boolean {
    return this.#files === undefined;
  }

  /** `listener` is called with every new certificate. */
  onRenewed(listener: (certificate: TlsCertificate) => void): void {
    this.#listeners.add(listener);
  }

  close(): void {
    clearInterval(this.#timer);
    this.#listeners.clear();
  }

  /** Called once a minute: takes over a certificate that is new, makes one when the present one is about to end. */
  async check(): Promise<void> {
    let next: TlsCertificate;
    if (this.#files !== undefined) {
      next = await readCertificate(this.#files);
      if (next.sha256Hex === this.#current.sha256Hex) return;
    } else {
      if (this.#current.notAfter.getTime() - (this.#deps.nowMs ?? Date.now)() > RENEW_BEFORE_MS) return;
      next = await this.#deps.createDevelopmentCertificate();
    }
    this.#current = next;
    this.#deps.logger.info(
      { sha256: next.sha256Hex, notAfter: next.notAfter },
      "the certificate was renewed",
    );
    for (const listener of this.#listeners) listener(next);
  }
}

async function readCertificate(files: CertificateFiles): Promise<TlsCertificate> {
  const { certPath, keyPath } = files;
  const [certPem, keyPem] = await Promise.all([
    readPem(certPath, "--tls-cert"),
    readPem(keyPath, "--tls-key"),
  ]);
  const leaf = parsePem(() => new X509Certificate(certPem), "certificate", certPath, "--tls-cert");
  const key = parsePem(() => createPrivateKey(keyPem), "private key", keyPath, "--tls-key");
  // Files are exchanged one after the other: a pair that is read in between is tried again, not taken over by half.
  if (!leaf.checkPrivateKey(key)) {
    const message = `the key in ${keyPath} is not that of the certificate in ${certPath}`;
    throw new ConfigError("config-invalid", message, "--tls-key");
  }
  return {
    certPem,
    keyPem,
    sha256Hex: createHash("sha256").update(leaf.raw).digest("hex"),
    notAfter: new Date(leaf.validTo),
  };
}

async function readPem(path: string, option: string): Promise<string> {
  try {
    return await readFile(path, "utf8");
  } catch (cause) {
    throw invalid(`the file of ${option} cannot be read: ${path}`, option, cause);
  }
}

function parsePem<Parsed>(parse: () => Parsed, what: string, path: string, option: string): Parsed {
  try {
    return parse();
  } catch (cause) {
    throw invalid(
      `the file of ${option} holds no ${what} as PEM (without a passphrase): ${path}`,
      option,
      cause,
    );
  }
}

function invalid(message: string, option: string, cause: unknown): ConfigError {
  const failure = new ConfigError("config-invalid", message, option);
  failure.cause = cause;
  return failure;
}
