import { Command, Options } from "@effect/cli"
import { Effect, Option } from "effect"
import { readPem } from "../sandbox/CertificateFolder.ts"
import { runSeg } from "../sandbox/Run.ts"
import { optionalField } from "./OptionalField.ts"
import { controlPort, host, port } from "./SandboxOptions.ts"
import { securedBy, tlsOptions } from "./SandboxTls.ts"

const options = {
  host,
  port: port(8092),
  ...tlsOptions,
  controlPort,
  upstream: Options.text("upstream").pipe(
    Options.withDescription("Base URL of the Exchange behind it, like http://127.0.0.1:8090"),
    Options.withDefault("http://127.0.0.1:8090")
  ),
  upstreamCa: Options.file("upstream-ca").pipe(
    Options.withDescription("CA of that Exchange's certificate (PEM)"),
    Options.optional
  ),
  deviceHeader: Options.text("device-header").pipe(
    Options.withDescription("Header that names the devices, as ENS_SEG_DEVICE_HEADER"),
    Options.withDefault("X-AW-ENS-DEVICES")
  )
}

/** `ens sandbox seg` */
export const segCommand = Command.make("seg", options, (given) =>
  Effect.gen(function* () {
    const secured = yield* securedBy(given)
    const upstreamCa = yield* Effect.transposeMapOption(given.upstreamCa, readPem)
    const controlPort = Option.orElse(given.controlPort, () =>
      secured.tls === undefined ? Option.none() : Option.some(given.port + 100)
    )
    return yield* runSeg({
      host: given.host,
      port: given.port,
      upstream: given.upstream,
      deviceHeader: given.deviceHeader,
      ...secured,
      ...optionalField("upstreamCa", upstreamCa),
      ...optionalField("controlPort", controlPort)
    })
  })
).pipe(
  Command.withDescription("A Secure Email Gateway in front of an Exchange, which refuses devices on demand")
)
