import { existsSync, readdirSync } from "node:fs"
import { dirname, join } from "node:path"
import { describe, expect, it } from "vitest"
import { anchorsOf, filesLinked, headingsLinked, ROOT, readDocument } from "./Markdown.ts"

const DOCUMENTS = [
  "README.md",
  "CHANGELOG.md",
  ...readdirSync(join(ROOT, "docs"), { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(".md"))
    .map((file) => join("docs", file))
    .sort()
]

describe("links between documents", () => {
  for (const document of DOCUMENTS) {
    it(`of ${document} lead to files that are there`, () => {
      const missing = filesLinked(readDocument(document)).filter(
        (target) => !existsSync(join(ROOT, dirname(document), target))
      )
      expect(missing).toEqual([])
    })

    it(`of ${document} lead to headings that are there`, () => {
      const missing = headingsLinked(readDocument(document)).filter(([file, anchor]) => {
        const path = file === "" ? document : join(dirname(document), file)
        return (
          path.endsWith(".md") && existsSync(join(ROOT, path)) && !anchorsOf(readDocument(path)).has(anchor)
        )
      })
      expect(missing).toEqual([])
    })
  }

  it("lead from README.md itself to every page", () => {
    const linked = new Set(filesLinked(readDocument("README.md")))
    expect(DOCUMENTS.filter((document) => document !== "README.md" && !linked.has(document))).toEqual([])
  })
})
