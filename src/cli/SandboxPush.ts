import { Command, Options } from "@effect/cli"
import { Effect, Option } from "effect"
import { runApns, runFcm, runSns } from "../sandbox/RunPush.ts"
import { host, port } from "./SandboxOptions.ts"
import { certificateFor, type Given, securedBy, tlsOptions } from "./SandboxTls.ts"

const { tls, tlsCert, tlsDir, tlsKey } = tlsOptions
const certificateOptions = { tlsCert, tlsDir, tlsKey }

/** On a port of its own, so that it is there while the stand-in is down. */
const controlPort = Options.integer("control-port").pipe(
  Options.withDescription("Port of the control interface: plain http on 127.0.0.1 (default: port + 100)"),
  Options.optional
)

/** `ens sandbox apns` */
export const apnsCommand = Command.make(
  "apns",
  { host, port: port(8093), controlPort, ...certificateOptions },
  (given) => Effect.flatMap(placeOf(given), runApns)
).pipe(
  Command.withDescription("An APNs (HTTP/2) that takes notifications and prints them, and fails on demand")
)

/** `ens sandbox fcm` */
export const fcmCommand = Command.make(
  "fcm",
  { host, port: port(8094), controlPort, ...certificateOptions },
  (given) => Effect.flatMap(placeOf(given), runFcm)
).pipe(Command.withDescription("An FCM that takes notifications and prints them, and fails on demand"))

/** `ens sandbox sns` */
export const snsCommand = Command.make(
  "sns",
  { host, port: port(8095), controlPort, tls, ...certificateOptions },
  (given) =>
    Effect.flatMap(securedBy({ ...given, clientCa: Option.none() }), (secured) =>
      runSns({ ...portsOf(given), ...secured })
    )
).pipe(
  Command.withDescription(
    "Mobile push of an SNS that takes notifications and prints them, and fails on demand"
  )
)

type GivenPlace = Omit<Given, "tls" | "clientCa"> & GivenPorts

const placeOf = (given: GivenPlace) =>
  Effect.map(certificateFor(given), (certificate) => ({
    ...portsOf(given),
    folder: given.tlsDir,
    certificate
  }))

interface GivenPorts {
  readonly host: string
  readonly port: number
  readonly controlPort: Option.Option<number>
}

const portsOf = ({ controlPort, host, port }: GivenPorts) => ({
  host,
  port,
  controlPort: Option.getOrElse(controlPort, () => (port === 0 ? 0 : port + 100))
})
