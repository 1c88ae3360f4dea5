import { request } from "node:http"
import { connect } from "node:net"
import { text } from "node:stream/consumers"
import { Effect, Option, Schema } from "effect"
import { FAULT_NAMES, type FaultName } from "../../schemas/Fault.ts"
import type { SettingsShape } from "../../schemas/Settings.ts"

const Trouble = Schema.Struct({
  fault: Schema.String.pipe(
    Schema.filter((name): name is FaultName => FAULT_NAMES.some((one) => one === name))
  ),
  where: Schema.String,
  what: Schema.String
})

const Details = Schema.Struct({
  ready: Schema.Boolean,
  role: Schema.String,
  storage: Schema.String,
  subscriptions: Schema.optional(Schema.Number),
  version: Schema.String,
  instanceId: Schema.String,
  troubles: Schema.optionalWith(Schema.Array(Schema.Unknown), { default: () => [] }),
  gateways: Schema.optionalWith(
    Schema.Array(
      Schema.Struct({
        gateway: Schema.String,
        up: Schema.Boolean,
        lastError: Schema.optional(Schema.NullOr(Schema.String)),
        waiting: Schema.optional(Schema.Number)
      })
    ),
    { default: () => [] }
  ),
  outbox: Schema.optional(
    Schema.NullOr(Schema.Struct({ entries: Schema.Number, oldest: Schema.NullOr(Schema.String) }))
  )
})

/** What a running service says of itself (`GET /readyz` of its admin listener). */
export type RunningNode = Omit<typeof Details.Type, "troubles"> & {
  readonly troubles: ReadonlyArray<typeof Trouble.Type>
}

/** Asks the service that has these settings; undefined if none answers, or something else does. */
export const runningNode = ({
  adminHost,
  adminPort
}: Pick<SettingsShape, "adminHost" | "adminPort">): Effect.Effect<RunningNode | undefined> =>
  Effect.async<string | undefined>((resume) => {
    const asked = request(
      { host: reachable(adminHost), port: adminPort, path: "/readyz", agent: false, timeout: WITHIN },
      (response) => {
        text(response).then(
          (body) => resume(Effect.succeed(body)),
          () => resume(Effect.succeed(undefined))
        )
      }
    )
    asked.on("timeout", () => asked.destroy())
    asked.on("error", () => resume(Effect.succeed(undefined)))
    asked.end()
    return Effect.sync(() => asked.destroy())
  }).pipe(
    Effect.timeoutTo({ duration: WITHIN, onSuccess: (body) => body, onTimeout: () => undefined }),
    Effect.map((body) => (body === undefined ? undefined : Option.getOrUndefined(decode(body)))),
    Effect.map(
      (details) =>
        details && {
          ...details,
          // A newer service may know causes that this program does not.
          troubles: details.troubles.flatMap((one) => Option.toArray(decodeTrouble(one)))
        }
    )
  )

/** Whether anybody, ENS or not, takes connections on the admin listener's port. */
export const listens = ({
  adminHost,
  adminPort
}: Pick<SettingsShape, "adminHost" | "adminPort">): Effect.Effect<boolean> =>
  Effect.async<boolean>((resume) => {
    const socket = connect({ host: reachable(adminHost), port: adminPort, timeout: WITHIN })
    const end = (answer: boolean) => {
      socket.destroy()
      resume(Effect.succeed(answer))
    }
    socket.on("connect", () => end(true))
    socket.on("timeout", () => end(false))
    socket.on("error", () => end(false))
    return Effect.sync(() => socket.destroy())
  })

/** Milliseconds. */
const WITHIN = 5_000

const decode = Schema.decodeUnknownOption(Schema.parseJson(Details))
const decodeTrouble = Schema.decodeUnknownOption(Trouble)

/** Whoever listens on all addresses is reached on this machine's own. */
const reachable = (host: string) => (host === "0.0.0.0" ? "127.0.0.1" : host === "::" ? "::1" : host)
