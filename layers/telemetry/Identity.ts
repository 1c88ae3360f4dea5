import { randomUUID } from "node:crypto"
import { readFileSync } from "node:fs"
import { hostname } from "node:os"
import { Schema } from "effect"

const Package = Schema.parseJson(Schema.Struct({ version: Schema.String }))

/** The product's version, from package.json. */
export const version: string = Schema.decodeSync(Package)(
  readFileSync(new URL("../../package.json", import.meta.url), "utf8")
).version

/** This machine's name, as `alive`, log lines and traces show it. */
export const host: string = hostname()

/** Another one for each process, so that whoever asks `alive` through a load balancer can tell nodes and restarts apart. */
export const instanceId: string = randomUUID()
