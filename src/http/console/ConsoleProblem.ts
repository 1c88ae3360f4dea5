import { Schema } from "effect"

/** Why the console's API does not do what it was asked for; `problem` says what to do. */
export class ConsoleProblem extends Schema.TaggedError<ConsoleProblem>()("ConsoleProblem", {
  status: Schema.Literal(400, 401, 403, 404, 405, 409, 413, 415, 421, 429, 500, 503),
  problem: Schema.String,
  /** Seconds. */
  retryAfter: Schema.optionalWith(Schema.Int, { exact: true })
}) {
  override get message() {
    return this.problem
  }
}

export const problem = (
  status: ConsoleProblem["status"],
  text: string,
  retryAfter?: number
): ConsoleProblem =>
  new ConsoleProblem({ status, problem: text, ...(retryAfter === undefined ? {} : { retryAfter }) })
