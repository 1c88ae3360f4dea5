import { Schema } from "effect"

/** Exchange cannot be reached in the way that the settings ask for; the service does not start. Says what to do. */
export class EwsSetupError extends Schema.TaggedError<EwsSetupError>()("EwsSetupError", {
  setting: Schema.Literal("ENS_EWS_CA_FILE", "ENS_EWS_PROXY_URL"),
  problem: Schema.String
}) {
  override get message() {
    return `${this.setting}: ${this.problem}`
  }
}
