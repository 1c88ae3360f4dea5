import { spawnSync } from "node:child_process"
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { expect, it } from "vitest"
import { readDocument } from "../docs/Markdown.ts"

const [, change = ""] =
  /5\. Change over:\n\n +```sh\n([\s\S]*?) +```/.exec(readDocument("docs/operations/upgrade.md")) ?? []

/** A tree of this version, as far as the commands look at it. */
const putTree = (path: string, version: string) => {
  mkdirSync(join(path, "deploy/systemd"), { recursive: true })
  for (const name of ["ens", "ens.service"]) writeFileSync(join(path, "deploy/systemd", name), version)
}

it("the commands of docs/operations/upgrade.md change the tree, each time anew", () => {
  const root = mkdtempSync(join(tmpdir(), "ens-upgrade-"))
  try {
    const [bin, units] = [join(root, "usr/local/bin"), join(root, "etc/systemd/system")]
    for (const path of [bin, units]) mkdirSync(path, { recursive: true })
    writeFileSync(join(root, "systemctl"), "#!/bin/sh\n", { mode: 0o755 })
    putTree(join(root, "opt/ens"), "1")
    for (const version of ["2", "3", "4"]) {
      putTree(join(root, "opt/ens-new"), version)
      const { status, stderr } = spawnSync(
        "bash",
        ["-ec", change.replaceAll(/(?<=\s)\/(?=opt|etc|usr)/g, `${root}/`)],
        {
          encoding: "utf8",
          env: { PATH: `${root}:${process.env["PATH"]}` }
        }
      )
      expect(status, stderr).toBe(0)
      const versionIn = (path: string) => readFileSync(join(root, path), "utf8")
      expect(versionIn("opt/ens/deploy/systemd/ens")).toBe(version)
      expect(versionIn("opt/ens-old/deploy/systemd/ens")).toBe(`${Number(version) - 1}`)
      expect(versionIn("usr/local/bin/ens")).toBe(version)
      expect(versionIn("etc/systemd/system/ens.service")).toBe(version)
    }
  } finally {
    rmSync(root, { recursive: true, force: true })
  }
})
