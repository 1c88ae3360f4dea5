import { existsSync } from "node:fs"
import { dirname, join } from "node:path"
import { describe, expect, it } from "vitest"
import { filesLinked, ROOT, readDocument } from "./Markdown.ts"

const DOCUMENTS = [
  "README.md",
  "CHANGELOG.md",
  "docs/architecture.md",
  "docs/configuration.md",
  "docs/operations/storage.md",
  "docs/operations/secrets.md",
  "docs/operations/monitoring.md",
  "docs/operations/deploy.md",
  "docs/operations/upgrade.md"
]

describe("links between documents", () => {
  for (const document of DOCUMENTS) {
    it(`of ${document} lead to files that are there`, () => {
      const missing = filesLinked(readDocument(document)).filter(
        (target) => !existsSync(join(ROOT, dirname(document), target))
      )
      expect(missing).toEqual([])
    })
  }
})
