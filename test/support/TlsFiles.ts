import { execFileSync } from "node:child_process"
import { join } from "node:path"
import type { TlsSettings } from "../../schemas/Settings.ts"

/** Plain HTTP, as the settings' defaults have it. */
export const noTls: TlsSettings = {
  certFile: undefined,
  keyFile: undefined,
  pfxFile: undefined,
  pfxPassword: undefined,
  minVersion: "1.2",
  clientCaFile: undefined,
  clientAuth: "off"
}

/** Certificates as administrators make them: by openssl, into a directory. */
export class TlsFiles {
  readonly #directory: string

  constructor(directory: string) {
    this.#directory = directory
  }

  path(name: string): string {
    return join(this.#directory, name)
  }

  /** `<name>.crt` and `<name>.key`: a certificate for `localhost` and 127.0.0.1 that signs itself. */
  make(
    name: string,
    options: ReadonlyArray<string> = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
  ) {
    const [certFile, keyFile] = [this.path(`${name}.crt`), this.path(`${name}.key`)]
    const names = "subjectAltName=DNS:localhost,IP:127.0.0.1"
    this.openssl(
      "req",
      "-x509",
      "-nodes",
      ...options,
      "-keyout",
      keyFile,
      "-out",
      certFile,
      "-days",
      "90",
      "-subj",
      `/CN=${name}`,
      "-addext",
      names
    )
    return { ...noTls, certFile, keyFile }
  }

  openssl(...args: ReadonlyArray<string>): void {
    execFileSync("openssl", args, { stdio: "pipe" })
  }

  /** Why tests that need openssl are skipped; false: it is there. */
  static readonly missing: string | false = (() => {
    try {
      execFileSync("openssl", ["version"], { stdio: "pipe" })
      return false
    } catch {
      return "openssl is not installed"
    }
  })()
}
