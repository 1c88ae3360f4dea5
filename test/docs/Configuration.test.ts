import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import * as Config from "../../src/Config.ts"
import { table } from "../../src/config/Table.ts"
import { readDocument } from "./Markdown.ts"

interface Row {
  readonly name: string
  /** Second cell of the row. */
  readonly otherwise: string
}

/** Settings that have a row of a table in the document, in its order. */
const rows: ReadonlyArray<Row> = [
  ...readDocument("docs/configuration.md").matchAll(/^\| `((?:ENS|OTEL)_[A-Z_]+)` \| ([^|]*) \|/gm)
].map(([, name = "", otherwise = ""]) => ({ name, otherwise }))

const effective = (environment: Readonly<Record<string, string>>) =>
  Effect.map(Config.load({ environment, purpose: "administer" }), Config.describe)

describe("docs/configuration.md", () => {
  it("has a row for every setting, each once, and for nothing else", () => {
    const settings = Object.values(table).map(({ name }) => name)
    expect(rows.map(({ name }) => name).toSorted()).toEqual(settings.toSorted())
  })

  it.effect("names defaults that are accepted as values, and are the defaults", () =>
    Effect.gen(function* () {
      const untouched = yield* effective({})
      const named = rows.flatMap(({ name, otherwise }) => {
        const [, value] = /^`([^`]+)`$/.exec(otherwise) ?? []
        return value === undefined ? [] : [[name, value] as const]
      })
      expect(named.length).toBeGreaterThan(15)
      expect(yield* effective(Object.fromEntries(named))).toEqual(untouched)
    })
  )

  it.effect("says – where there is no default", () =>
    Effect.map(effective({}), (untouched) => {
      const empty = untouched.filter(({ value }) => value === "").map(({ name }) => name)
      const dashed = rows.filter(({ otherwise }) => otherwise === "–").map(({ name }) => name)
      expect(dashed.toSorted()).toEqual(empty.toSorted())
    })
  )
})
