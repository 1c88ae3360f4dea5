import { describe, expect, it } from "vitest"
import { FAULT_NAMES } from "../../schemas/Fault.ts"
import { LinkState } from "../../schemas/LinkState.ts"
import { ResponseCode } from "../../schemas/ResponseCode.ts"
import { readDocument } from "./Markdown.ts"

const manual = readDocument("docs/troubleshooting.md")

describe("docs/troubleshooting.md", () => {
  it("has an entry for every cause that log, console and doctor name, in their order, and for no other", () => {
    const causes = manual.slice(manual.indexOf("## Causes, by name"), manual.indexOf("## Response codes"))
    expect([...causes.matchAll(/^### (.+)$/gm)].map(([, name]) => name)).toEqual(FAULT_NAMES)
    for (const entry of causes.split(/^### /m).slice(1)) {
      expect(entry, entry.slice(0, 40)).toMatch(/\*\*Symptom:\*\*.*\*\*Cure:\*\*/s)
    }
  })

  it("has a row for every response code", () => {
    const rows = [...manual.matchAll(/^\| (\d+) \| (\w+) \|/gm)].map(([, code, name]) => [name, Number(code)])
    expect(rows).toEqual(Object.entries(ResponseCode).map(([name, { code }]) => [name, code]))
  })

  it("has a row for every state of a subscription", () => {
    for (const state of LinkState.literals) expect(manual).toContain(`| \`${state}\` |`)
  })
})
