import { appendFile } from "node:fs/promises"
import { Effect } from "effect"
import { type PushNotification, Verdict } from "../../schemas/Push.ts"
import type { Gateway } from "./Gateway.ts"
import { PushSetupError } from "./PushSetupError.ts"

/** Where the gateway writes: a file that gets everything, or lines (standard output) that get no content. */
export type LogTarget = { readonly file: string } | { readonly line: (line: string) => void }

/**
 * Gateway `log`, for rehearsal: a JSON line per notification. A file (mode 0600) gets
 * `{"at","deviceToken","deviceType","payload"}`, written before the verdict; without one a line per notification tells
 * only its kind and platform. The file is opened for each request, so that it may be moved away while ENS runs.
 */
export const make = (target: LogTarget): Effect.Effect<Gateway, PushSetupError> =>
  "file" in target
    ? append(target.file, "").pipe(
        Effect.mapError(
          (code) =>
            new PushSetupError({
              gateway: "log",
              problem: `cannot write ${target.file} (${code}); correct ENS_PUSH_LOG_FILE or the folder's rights`
            })
        ),
        Effect.as(gateway((batch) => toFile(target.file, batch)))
      )
    : Effect.succeed(gateway((batch) => toLines(target.line, batch)))

/** Lines go to standard output. */
export const standardOutput: LogTarget = { line: (line) => process.stdout.write(line) }

// One request at a time, so that lines are whole and in order.
const gateway = (send: Gateway["send"]): Gateway => ({ name: "log", batchSize: 100, slots: 1, send })

const toFile = Effect.fnUntraced(function* (file: string, batch: ReadonlyArray<PushNotification>) {
  const at = yield* timestamp
  const lines = batch.map(({ payload, target }) =>
    JSON.stringify({ at, deviceToken: target.token, deviceType: target.platform, payload })
  )
  const verdict = yield* append(file, `${lines.join("\n")}\n`).pipe(
    Effect.match({
      onSuccess: () => Verdict.Delivered(),
      onFailure: (code) => Verdict.GatewayDown({ reason: `cannot write ${file} (${code})` })
    })
  )
  return batch.map(() => verdict)
})

const toLines = Effect.fnUntraced(function* (
  write: (line: string) => void,
  batch: ReadonlyArray<PushNotification>
) {
  const at = yield* timestamp
  for (const { kind, target } of batch)
    write(`${JSON.stringify({ at, deviceType: target.platform, kind })}\n`)
  return batch.map(() => Verdict.Delivered())
})

const timestamp = Effect.clockWith((clock) =>
  Effect.map(clock.currentTimeMillis, (now) => new Date(now).toISOString())
)

/** Fails with the system's error code, which names neither path nor content. */
const append = (file: string, text: string): Effect.Effect<void, string> =>
  Effect.tryPromise({
    try: () => appendFile(file, text, { mode: 0o600 }),
    catch: (cause) => (cause as NodeJS.ErrnoException).code ?? "unknown error"
  })
