import type { ServerResponse } from "node:http"
import type { UserNumber } from "../../schemas/Ids.ts"
import type { ArrivedCallback } from "./ArrivedCallback.ts"
import { Deadline } from "./Deadlines.ts"

/** A callback that its actor has, and nobody was answered for yet. */
export class HeldCallback extends Deadline {
  readonly response: ServerResponse
  readonly source: string
  readonly user: UserNumber
  readonly callback: ArrivedCallback
  /** Milliseconds since 1970. */
  readonly began: number
  answered = false

  constructor(
    response: ServerResponse,
    source: string,
    user: UserNumber,
    callback: ArrivedCallback,
    began: number
  ) {
    super()
    this.began = began
    this.response = response
    this.source = source
    this.user = user
    this.callback = callback
  }
}
