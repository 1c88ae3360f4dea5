import { Schema } from "effect"

/** The public listener cannot speak TLS as the settings ask for; the service does not start. Says which to correct, and how. */
export class TlsProblem extends Schema.TaggedError<TlsProblem>()("TlsProblem", {
  setting: Schema.Literal(
    "ENS_TLS_CERT_FILE",
    "ENS_TLS_KEY_FILE",
    "ENS_TLS_PFX_FILE",
    "ENS_TLS_PFX_PASSWORD",
    "ENS_TLS_CLIENT_CA_FILE"
  ),
  problem: Schema.String
}) {
  override get message() {
    return `${this.setting}: ${this.problem}`
  }
}
