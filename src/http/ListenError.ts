import { Schema } from "effect"

/** A listener could not be opened. `setting`: the one that says where it is to listen, without `_HOST` or `_PORT`. */
export class ListenError extends Schema.TaggedError<ListenError>()("ListenError", {
  host: Schema.String,
  port: Schema.Number,
  setting: Schema.Literal("ENS", "ENS_ADMIN"),
  code: Schema.String
}) {
  override get message() {
    const where = `${this.host}:${this.port}`
    switch (this.code) {
      case "EADDRINUSE":
        return `${where} is in use by another process; stop it, or set ${this.setting}_PORT to a free port`
      case "EACCES":
        return `ENS may not listen on ${where}; set ${this.setting}_PORT to a port above 1023, or allow it to this user`
      case "EADDRNOTAVAIL":
      case "ENOTFOUND":
        return `${this.host} is no address of this machine; set ${this.setting}_HOST to one (0.0.0.0 = all)`
      default:
        return `cannot listen on ${where} (${this.code}); check ${this.setting}_HOST and ${this.setting}_PORT`
    }
  }
}
