import { readFile } from "node:fs/promises"
import { Effect, Schema } from "effect"

/** Settings are missing, malformed or contradict each other; each problem names the setting and the way out. */
export class ConfigProblem extends Schema.TaggedError<ConfigProblem>()("ConfigProblem", {
  problems: Schema.Array(Schema.String)
}) {
  override get message() {
    return this.problems.join("; ")
  }
}

/** Where settings come from. The environment wins over the file. */
export interface Source {
  /** A JSON object with the names of the environment variables. */
  readonly file?: string | undefined
  /** Default: the process's own. */
  readonly environment?: Readonly<Record<string, string | undefined>> | undefined
}

/** A setting's text, and where it stands; `path` = the file that `<name>_FILE` names. */
export interface FoundText {
  readonly text: string
  readonly in: "environment" | "config file" | { readonly path: string }
}

export type FoundTexts = ReadonlyMap<string, FoundText>

/**
 * The texts of all settings, by name, from environment and file. For each name in `secrets`, `<name>_FILE` names a file
 * that holds the value. An empty value counts as absent.
 */
export const readTexts = Effect.fn("Config.readTexts")(function* (
  source: Source,
  secrets: ReadonlyArray<string>
) {
  const texts = source.file === undefined ? new Map<string, FoundText>() : yield* readJson(source.file)
  for (const [name, value] of Object.entries(source.environment ?? process.env)) {
    if (OURS.test(name) && value !== undefined && value.trim() !== "") {
      texts.set(name, { text: value.trim(), in: "environment" })
    }
  }
  for (const name of secrets) {
    const path = texts.get(`${name}_FILE`)?.text
    if (path === undefined) continue
    if (texts.has(name)) {
      return yield* problem(`${name} and ${name}_FILE are both set; keep one of them`)
    }
    const value = (yield* read(path, `${name}_FILE`)).trim()
    if (value === "") return yield* problem(`${name}_FILE: ${path} is empty`)
    // A file in UTF-16, as PowerShell's > writes it, would be a secret that nobody has chosen.
    if (/[\0\uFFFD]/.test(value)) {
      return yield* problem(`${name}_FILE: ${path} is not text in UTF-8; save it as that`)
    }
    texts.set(name, { text: value, in: { path } })
    texts.delete(`${name}_FILE`)
  }
  return texts as FoundTexts
})

/** Of OpenTelemetry's variables those that we heed; there are many others, for other programs. */
const OURS =
  /^(?:ENS_.*|OTEL_(?:EXPORTER_OTLP_ENDPOINT|EXPORTER_OTLP_HEADERS(?:_FILE)?|SERVICE_NAME|RESOURCE_ATTRIBUTES|TRACES_SAMPLER_ARG))$/

const problem = (text: string) => Effect.fail(new ConfigProblem({ problems: [text] }))

const read = (path: string, what: string) =>
  Effect.tryPromise({
    try: () => readFile(path, "utf8"),
    catch: (cause) =>
      new ConfigProblem({
        problems: [`${what}: ${path} cannot be read (${errorCode(cause)}); check path and rights`]
      })
  })

const errorCode = (cause: unknown) =>
  cause instanceof Error && "code" in cause ? String(cause.code) : String(cause)

const Values = Schema.Record({
  key: Schema.String,
  value: Schema.Union(
    Schema.String,
    Schema.Number,
    Schema.Boolean,
    Schema.Null,
    Schema.Array(Schema.Union(Schema.String, Schema.Number))
  )
})

const readJson = Effect.fnUntraced(function* (path: string) {
  const values = yield* read(path, "--config").pipe(
    Effect.map((text) => text.replace(/^\uFEFF/, "")),
    Effect.flatMap(Schema.decode(Schema.parseJson(Values))),
    // The parser's own message could quote a secret out of the file.
    Effect.catchTag("ParseError", () =>
      problem(
        `--config: ${path} must be a JSON object whose values are texts, numbers or lists of them, like {"ENS_PORT": 8080}`
      )
    )
  )
  const texts = new Map<string, FoundText>()
  for (const [name, value] of Object.entries(values)) {
    const text = Array.isArray(value) ? value.join(",") : value === null ? "" : String(value)
    if (text.trim() !== "") texts.set(name, { text: text.trim(), in: "config file" })
  }
  return texts
})
