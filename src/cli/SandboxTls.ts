import { Options } from "@effect/cli"
import { Effect, Option } from "effect"
import {
  type CertificateProblem,
  certificateFrom,
  certificateIn,
  type KeptCertificate,
  readPem
} from "../sandbox/CertificateFolder.ts"
import type { TlsOptions } from "../sandbox/Listener.ts"
import { CommandProblem } from "./CommandProblem.ts"

/** Options with which a stand-in speaks https. */
export const tlsOptions = {
  tls: Options.boolean("tls").pipe(
    Options.withDescription("Speak https with a self-made certificate, which is kept in --tls-dir")
  ),
  tlsDir: Options.directory("tls-dir").pipe(
    Options.withDescription("Folder of the self-made certificate and keys; made if need be"),
    Options.withDefault("sandbox-tls")
  ),
  tlsCert: Options.file("tls-cert").pipe(
    Options.withDescription("Speak https with this certificate (PEM)"),
    Options.optional
  ),
  tlsKey: Options.file("tls-key").pipe(Options.withDescription("Its key (PEM)"), Options.optional),
  clientCa: Options.file("client-ca").pipe(
    Options.withDescription(
      "Demand client certificates that this CA (PEM) signed; they are the log-in, unless --offer says that another is needed, too"
    ),
    Options.optional
  )
}

/** What the options came to. */
export interface Given {
  readonly host: string
  readonly tls: boolean
  readonly tlsDir: string
  readonly tlsCert: Option.Option<string>
  readonly tlsKey: Option.Option<string>
  readonly clientCa: Option.Option<string>
}

/** What the listener needs, and the file of the certificate; empty for plain http. */
export interface Secured {
  readonly tls?: TlsOptions
  readonly certFile?: string
}

/** Reads or makes what was asked for. */
export const securedBy = (given: Given): Effect.Effect<Secured, CertificateProblem | CommandProblem> =>
  Effect.gen(function* () {
    const kept = yield* keptCertificate(given)
    if (kept === undefined)
      return Option.isSome(given.clientCa) ? yield* problem("--client-ca goes with --tls or --tls-cert") : {}
    const clientCa = Option.isSome(given.clientCa) ? yield* readPem(given.clientCa.value) : undefined
    const { key, cert, certFile } = kept
    return { tls: clientCa === undefined ? { key, cert } : { key, cert, clientCa }, certFile }
  })

/** The certificate of a stand-in that speaks nothing but https: the one that was given, or a self-made one. */
export const certificateFor = ({
  host,
  tlsCert,
  tlsDir,
  tlsKey
}: Omit<Given, "tls" | "clientCa">): Effect.Effect<KeptCertificate, CertificateProblem | CommandProblem> => {
  if (Option.isSome(tlsCert) && Option.isSome(tlsKey)) return certificateFrom(tlsCert.value, tlsKey.value)
  return Option.isSome(tlsCert) || Option.isSome(tlsKey)
    ? problem("--tls-cert and --tls-key go together")
    : certificateIn(tlsDir, [...new Set([host, "127.0.0.1", "localhost"])])
}

const keptCertificate = (
  given: Given
): Effect.Effect<KeptCertificate | undefined, CertificateProblem | CommandProblem> =>
  given.tls || Option.isSome(given.tlsCert) || Option.isSome(given.tlsKey)
    ? certificateFor(given)
    : Effect.succeed(undefined)

const problem = (text: string) => Effect.fail(new CommandProblem({ problem: text }))
