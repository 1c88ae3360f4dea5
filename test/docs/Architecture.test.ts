import { readdirSync } from "node:fs"
import { join } from "node:path"
import { expect, it } from "vitest"
import { ROOT, readDocument } from "./Markdown.ts"

/** All of the product's own code in one text. */
const sources = ["actors", "layers", "schemas", "src"]
  .flatMap((folder) =>
    readdirSync(join(ROOT, folder), { recursive: true, encoding: "utf8" })
      .filter((path) => path.endsWith(".ts"))
      .map((path) => readDocument(join(folder, path)))
  )
  .join("\n")

/** Log lines that the table of outages quotes; `…` stands for what differs. */
const quoted = readDocument("docs/architecture.md")
  .split("\n## ")
  .filter((section) => section.startsWith("When something breaks"))
  .flatMap((section) => section.split("\n").filter((line) => line.startsWith("| ")))
  .flatMap((line) => [...(line.split("|").at(-2) ?? "").matchAll(/`([^`]+)`/g)])
  .map(([, text = ""]) => text)

it("docs/architecture.md quotes log lines that the code writes", () => {
  expect(quoted.length).toBeGreaterThan(15)
  const unknown = quoted.filter((text) => text.split("…").some((part) => !sources.includes(part.trim())))
  expect(unknown).toEqual([])
})
