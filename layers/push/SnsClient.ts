import { Readable } from "node:stream"
import type { SecureContextOptions } from "node:tls"
import {
  CreatePlatformEndpointCommand,
  GetPlatformApplicationAttributesCommand,
  PublishCommand,
  type PublishInput,
  SetEndpointAttributesCommand,
  SNSClient,
  type SNSClientConfig
} from "@aws-sdk/client-sns"
import { Effect, type Scope } from "effect"
import * as Deadlines from "./Deadlines.ts"
import { TIMEOUT, TOO_LONG } from "./NetworkTrouble.ts"
import { existingEndpoint, failureOf, isBrokenOff, type SnsFailure, unreadable } from "./SnsFailure.ts"

/** What is asked of SNS. Each is one request, and once more if a connection breaks. */
export interface SnsClient {
  readonly publish: (input: PublishInput) => Effect.Effect<void, SnsFailure>
  /** Answers the ARN; that of the endpoint there is, if there is one for the token. It may be disabled. */
  readonly createEndpoint: (platformArn: string, token: string) => Effect.Effect<string, SnsFailure>
  readonly enableEndpoint: (arn: string, token: string) => Effect.Effect<void, SnsFailure>
  /** The attributes of a platform application; nothing is changed. */
  readonly platform: (arn: string) => Effect.Effect<Readonly<Record<string, string>>, SnsFailure>
}

export interface ClientOptions {
  readonly region: string
  /** Another address than AWS's own. */
  readonly endpoint: URL | undefined
  /** Instead of those that the SDK finds (environment, files, role of the machine). */
  readonly credentials?: SNSClientConfig["credentials"]
  /** Authorities to trust instead of the known ones, and the like; given to TLS as they are. */
  readonly tls: SecureContextOptions
  readonly connections: number
  /** Milliseconds that a request may take, connecting included. */
  readonly timeout: number
}

/** The AWS SDK as far as it is needed, without its own retries and with a limit to what it reads. */
export const make = Effect.fnUntraced(function* ({
  connections,
  credentials,
  endpoint,
  region,
  timeout,
  tls
}: ClientOptions): Effect.fn.Return<SnsClient, never, Scope.Scope> {
  const deadlines = yield* Deadlines.make(timeout)
  const agent = { maxSockets: connections, keepAlive: true }
  const client = yield* Effect.acquireRelease(
    Effect.sync(
      () =>
        new SNSClient({
          region,
          maxAttempts: 1,
          // The user's AWS configuration may name one that holds requests back by itself.
          retryMode: "standard",
          requestHandler: { httpAgent: agent, httpsAgent: { ...agent, ...tls } },
          ...(endpoint && { endpoint: endpoint.href }),
          ...(credentials && { credentials })
        })
    ),
    (client) => Effect.sync(() => client.destroy())
  )
  client.middlewareStack.add(
    (next) => async (request) => {
      const result = await next(request)
      await readWhole(result.response)
      return result
    },
    { step: "deserialize", priority: "low", name: "ensAnswerMax" }
  )

  /** Plain callbacks, because this is done for every notification. */
  const call = <A>(ask: (options: { readonly abortSignal: AbortSignal }) => Promise<A>) =>
    Effect.async<A, SnsFailure>((resume) => {
      const abort = new AbortController()
      const options = { abortSignal: abort.signal }
      const fail = (failure: SnsFailure) => {
        unwatch()
        resume(Effect.fail(failure))
      }
      const attempt = (isRepeat: boolean): Promise<void> =>
        ask(options).then(
          (answer) => {
            unwatch()
            resume(Effect.succeed(answer))
          },
          (cause: unknown) => {
            const failure = failureOf(cause)
            if (isBrokenOff(failure) && !isRepeat && !abort.signal.aborted) return attempt(true)
            return fail(failure)
          }
        )
      const unwatch = deadlines.watch(() => {
        abort.abort()
        fail({ _tag: "Broken", code: TIMEOUT })
      })
      attempt(false)
      return Effect.sync(() => {
        unwatch()
        abort.abort()
      })
    })

  return {
    publish: (input) =>
      call((options) => client.send(new PublishCommand(input), options)).pipe(
        Effect.filterOrFail(
          ({ MessageId }) => MessageId !== undefined,
          () => NOT_SNS
        ),
        Effect.asVoid
      ),
    createEndpoint: (platformArn, token) =>
      call((options) =>
        client.send(
          new CreatePlatformEndpointCommand({ PlatformApplicationArn: platformArn, Token: token }),
          options
        )
      ).pipe(
        Effect.flatMap(({ EndpointArn }) =>
          EndpointArn ? Effect.succeed(EndpointArn) : Effect.fail(NOT_SNS)
        ),
        Effect.catchAll((failure) => {
          const arn = existingEndpoint(failure)
          return arn === undefined ? Effect.fail(failure) : Effect.succeed(arn)
        })
      ),
    platform: (arn) =>
      call((options) =>
        client.send(new GetPlatformApplicationAttributesCommand({ PlatformApplicationArn: arn }), options)
      ).pipe(
        Effect.flatMap(({ Attributes }) => (Attributes ? Effect.succeed(Attributes) : Effect.fail(NOT_SNS)))
      ),
    enableEndpoint: (arn, token) =>
      Effect.asVoid(
        call((options) =>
          client.send(
            new SetEndpointAttributesCommand({
              EndpointArn: arn,
              Attributes: { Token: token, Enabled: "true" }
            }),
            options
          )
        )
      )
  }
})

const NOT_SNS = unreadable(200)

/** Bytes; SNS's answers have less than a thousand. */
const ANSWER_MAX = 64 * 1024

/** The SDK would read an answer of any length. */
const readWhole = (response: unknown): Promise<void> => {
  if (typeof response !== "object" || response === null || !("body" in response)) return Promise.resolve()
  const { body } = response
  if (!(body instanceof Readable)) return Promise.resolve()
  return new Promise((resolve, reject) => {
    const chunks: Array<Buffer> = []
    let bytes = 0
    body.on("data", (chunk: Buffer) => {
      bytes += chunk.length
      if (bytes <= ANSWER_MAX) chunks.push(chunk)
      else body.destroy(Object.assign(new Error(TOO_LONG), { code: TOO_LONG }))
    })
    body.on("error", reject)
    body.on("end", () => {
      response.body = Buffer.concat(chunks)
      resolve()
    })
  })
}
