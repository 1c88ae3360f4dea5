import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { unsafety } from "../../src/UnsafeStart.ts"
import { makeInstallation } from "../support/Installation.ts"
import { spawnService } from "../support/ServiceProcess.ts"

const began = (flags: ReadonlyArray<string>, environment: Record<string, string> = {}) => ({
  flags,
  environment
})

describe("a start", () => {
  it("is refused if certificates would not be checked, whatever else is set", () => {
    const unchecked = began([], { NODE_TLS_REJECT_UNAUTHORIZED: "0" })
    for (const crashDumps of ["on", "off"] as const)
      expect(unsafety(unchecked, crashDumps)).toMatch(/^NODE_TLS_REJECT_UNAUTHORIZED=0 .*ENS_EWS_CA_FILE/)
    expect(unsafety(began([], { NODE_TLS_REJECT_UNAUTHORIZED: "1" }), "off")).toBeUndefined()
  })

  it("is refused with flags that weaken TLS or HTTP, or write down keys", () => {
    for (const flag of [
      "--tls-keylog=/x",
      "--tls-min-v1.0",
      "--insecure-http-parser",
      "--security-revert=CVE-2023-46809",
      '"--tls_keylog=/a'
    ])
      expect(unsafety(began(["--no-warnings", flag]), "on")).toMatch(/weakens TLS or HTTP/)
  })

  it("is refused if Node would print the headers of requests, unless crash dumps are wanted", () => {
    expect(unsafety(began([], { NODE_DEBUG: "http" }), "off")).toMatch(/^NODE_DEBUG .*ENS_CRASH_DUMPS=on$/)
    expect(unsafety(began([], { NODE_DEBUG: "http" }), "on")).toBeUndefined()
    expect(unsafety(began([], { NODE_DEBUG: "" }), "off")).toBeUndefined()
  })

  it("is refused with flags that show the memory, unless crash dumps are wanted", () => {
    for (const flag of [
      "--inspect",
      "--inspect-brk=0.0.0.0:9229",
      "--heapsnapshot-signal=SIGUSR2",
      "--heapsnapshot-near-heap-limit=2",
      "--report-on-fatalerror",
      "--report-on-signal",
      "--report-uncaught-exception",
      "--abort-on-uncaught-exception",
      "--abort_on_uncaught_exception"
    ]) {
      expect(unsafety(began([flag]), "off"), flag).toMatch(/ENS_CRASH_DUMPS=on$/)
      expect(unsafety(began([flag]), "on"), flag).toBeUndefined()
    }
    const usual = ["--max-old-space-size=900", "--disable-sigusr1", "--cpu-prof", ""]
    expect(unsafety(began(usual), "off")).toBeUndefined()
  })
})

/** Plain texts, as a bug could carry them. */
const [HEAD, TAIL] = ["Canary-d41d8", "cd98f-secret"]
const CANARY = HEAD + TAIL
/** As source, which is part of the place that is told: not in one piece. */
const QUOTED = `"${HEAD}"+"${TAIL}"`

/** Has a service run something a moment after it has read its settings; its threads begin without them. */
const beside = (code: string) => {
  const watch = `const t=process.env.ENS_MASTER_KEY===undefined?0:setInterval(()=>{if(process.env.ENS_MASTER_KEY!==undefined)return;clearInterval(t);${code}},20)`
  return ["--import", `data:text/javascript,${encodeURIComponent(watch)}`]
}

const KEY = Buffer.from("Canary-of-the-master-key-32bytes").toString("base64")

/** Everything that a service prints until it ends, all its secrets being canaries. */
const crashed = (nodeOptions: ReadonlyArray<string>, more: Readonly<Record<string, string>> = {}) =>
  Effect.gen(function* () {
    const installation = yield* makeInstallation({})
    const service = yield* spawnService(
      {
        ...installation,
        environment: {
          ...installation.environment,
          ENS_MASTER_KEY: KEY,
          OTEL_EXPORTER_OTLP_HEADERS: `authorization=${CANARY}`,
          ENS_CNS_CERT_PASSWORD: CANARY,
          ENS_LOG_LEVEL: "trace",
          ...more
        }
      },
      nodeOptions
    )
    const code = yield* service.ended
    return { code, output: service.output(), log: installation.log() }
  })

const THROWN = `const e=new TypeError(${QUOTED});e.config={headers:{authorization:e.message}};throw e`

describe("a service that crashes", () => {
  for (const [how, code] of [
    ["by an exception that nobody catches", THROWN],
    ["by a promise that nobody waits for", `(async()=>{${THROWN}})()`],
    ["by something that is no error", `throw ${QUOTED}`],
    [
      "by an error that cannot be read",
      `const e=new Error("x");Object.defineProperty(e,"message",{get(){throw new Error(${QUOTED})}});throw e`
    ]
  ] as const)
    it.scopedLive(`${how} says where, but nothing of what it was about`, () =>
      Effect.gen(function* () {
        const { code: exitCode, log, output } = yield* crashed(beside(code))
        expect(output).toMatch(
          /^ens: internal error, please report it; the process ends: (TypeError at |string$|an error that)/m
        )
        expect(exitCode).toBe(70)
        for (const text of [output, log]) {
          expect(text).not.toContain(CANARY)
          expect(text).not.toContain(KEY)
        }
      })
    )

  it.scopedLive("or only warns, says so without a text", () =>
    Effect.gen(function* () {
      const warning = `process.emitWarning(${QUOTED},{type:"CanaryWarning",code:"DEP9999",detail:${QUOTED}})`
      const code = `${warning};(async()=>{${THROWN}})();setTimeout(()=>process.exit(4),500)`
      const { code: exitCode, output } = yield* crashed([...beside(code), "--unhandled-rejections=warn"])
      expect(exitCode).toBe(4)
      expect(output).toMatch(/^ens: Node.js warns DEP9999: CanaryWarning at /m)
      expect(output).toMatch(/^ens: Node.js warns: UnhandledPromiseRejectionWarning/m)
      expect(output).not.toContain(CANARY)
      const silent = yield* crashed([...beside(code), "--unhandled-rejections=warn", "--no-warnings"])
      expect(silent.output).not.toMatch(/warns|CANARY/)
    })
  )

  it.scopedLive("has none of its secrets in a report, nor in its environment any more", () =>
    Effect.gen(function* () {
      const { output } = yield* crashed(
        beside(
          "console.log(JSON.stringify({env:process.env,report:process.report.getReport()}));process.exit(3)"
        )
      )
      expect(output).toContain("javascriptHeap")
      expect(output).not.toContain(CANARY)
      expect(output).not.toContain(KEY)
    })
  )

  it.scopedLive("was refused before if its memory could be read", () =>
    Effect.gen(function* () {
      const { code, output } = yield* crashed(["--heapsnapshot-signal=SIGUSR2"])
      expect(code).toBe(1)
      expect(output).toMatch(/^ens: Node's flag --heapsnapshot-signal lets others read/m)
      const unchecked = yield* crashed([], { NODE_TLS_REJECT_UNAUTHORIZED: "0" })
      expect(unchecked.code).toBe(1)
      expect(unchecked.output).toMatch(/^ens: NODE_TLS_REJECT_UNAUTHORIZED=0 /m)
    })
  )
})
