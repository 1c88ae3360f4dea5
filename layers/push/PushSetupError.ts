import { Schema } from "effect"

/** A gateway cannot be used as the settings have it; the service does not start. Says what to do. */
export class PushSetupError extends Schema.TaggedError<PushSetupError>()("PushSetupError", {
  gateway: Schema.Literal("cns", "sns", "fcm", "apns", "log"),
  problem: Schema.String
}) {
  override get message() {
    return `push gateway ${this.gateway}: ${this.problem}`
  }
}
