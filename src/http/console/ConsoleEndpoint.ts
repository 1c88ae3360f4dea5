import type { Effect, Schema } from "effect"
import type { StorageError } from "../../../schemas/StorageError.ts"
import type { ConsoleProblem } from "./ConsoleProblem.ts"
import type { Session } from "./SessionBook.ts"

/** Who asks for what. */
export interface Asked<B> {
  readonly session: Session
  readonly body: B
  /** What the endpoint's path has in its group; "" without one. */
  readonly id: string
}

/** One line of the table in schemas/ConsoleApi.ts. */
export interface ConsoleEndpoint<R> {
  readonly method: "GET" | "POST" | "PUT" | "DELETE"
  /** Of what follows `/console/api/`. */
  readonly path: RegExp
  readonly body: Schema.Schema<unknown, unknown> | undefined
  /** undefined: 204. */
  readonly answer: Schema.Schema<unknown, unknown> | undefined
  readonly handle: (asked: Asked<unknown>) => Effect.Effect<unknown, ConsoleProblem | StorageError, R>
}

/** Checks that what the handler takes and gives is what the schemas say. */
export const endpoint = <R, A = void, I = unknown, B = undefined, J = unknown>(given: {
  readonly method: ConsoleEndpoint<R>["method"]
  readonly path: RegExp
  readonly body?: Schema.Schema<B, J>
  readonly answer?: Schema.Schema<A, I>
  readonly handle: (asked: Asked<B>) => Effect.Effect<A, ConsoleProblem | StorageError, R>
}): ConsoleEndpoint<R> =>
  ({
    body: undefined,
    answer: undefined,
    ...given
  }) as ConsoleEndpoint<R>
