import { X509Certificate } from "node:crypto"
import { Command, Options } from "@effect/cli"
import { Effect } from "effect"
import { CertificateProblem, readPem } from "../sandbox/CertificateFolder.ts"
import { runCns } from "../sandbox/Run.ts"
import { optionalField } from "./OptionalField.ts"
import { host, port } from "./SandboxOptions.ts"
import { securedBy, tlsOptions } from "./SandboxTls.ts"

const options = {
  host,
  port: port(8091),
  ...tlsOptions,
  clientCert: Options.file("client-cert").pipe(
    Options.withDescription(
      "The certificate (PEM) that CNS knows: what it has not signed is refused with 401 and code 2007"
    ),
    Options.optional
  )
}

/** `ens sandbox cns` */
export const cnsCommand = Command.make("cns", options, (given) =>
  Effect.gen(function* () {
    const clientCert = yield* Effect.transposeMapOption(given.clientCert, readCertificate)
    const secured = yield* securedBy(given)
    const { host, port } = given
    return yield* runCns({ host, port, ...secured, ...optionalField("clientCert", clientCert) })
  })
).pipe(Command.withDescription("A CNS that takes notifications and prints them"))

const readCertificate = (file: string) =>
  readPem(file).pipe(
    Effect.filterOrFail(
      (text) => isCertificate(text),
      () => new CertificateProblem({ file, reason: "not a certificate" })
    )
  )

const isCertificate = (text: string): boolean => {
  try {
    return new X509Certificate(text).raw.length > 0
  } catch {
    return false
  }
}
