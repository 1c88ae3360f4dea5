import { randomBytes } from "node:crypto"
import {
  closeSync,
  existsSync,
  fstatSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  statSync
} from "node:fs"
import { join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { startProcess } from "../support/ServiceProcess.ts"
import { temporaryDirectory } from "../support/TemporaryDirectory.ts"
import { ALICE, eventually, rehearse, within } from "./Rehearsal.ts"

/** A user with an access token, too long for the callback URL: storage keeps a part of it, sealed. */
const OLIVIA = { address: "olivia.auth@wonderland.example", password: "never-used-by-olivia" }

describe("secrets", () => {
  it.scopedLive(
    "are neither in the database nor in the log nor left on the heap after the work is done",
    () =>
      Effect.gen(function* () {
        const accessToken = `eyJ${randomBytes(1200).toString("base64url")}`
        const all = yield* rehearse({
          exchange: { mailboxes: [ALICE, { ...OLIVIA, tokens: [accessToken] }] }
        })
        const { about, apiToken, cns, exchange, installation, mail, phone } = all
        const heap = yield* temporaryDirectory
        const open = { ...installation.environment, ENS_CRASH_DUMPS: "on" }
        const service = yield* startProcess({ ...installation, environment: open }, [
          "--heapsnapshot-signal=SIGUSR2",
          "--heap-snapshot-string-limit=1000000",
          `--diagnostic-dir=${heap}`
        ])
        const iphone = yield* phone("iOS", { policy: 0, exchangeVersion: "Exchange2016" })
        const android = yield* phone("Android")
        const olivias = yield* phone("Android", { user: OLIVIA, login: { accessToken } })
        for (const device of [iphone, android, olivias]) expect((yield* device.register()).status).toBe(200)
        // What goes wrong is logged with the most detail.
        expect((yield* iphone.register({ payload: { password: "Guessed-and-wrong" } })).responseCode).toBe(14)
        expect(
          (yield* (yield* phone("iOS", { apiToken: "Unknown-api-token-123456" })).status).responseCode
        ).toBe(23)
        expect((yield* iphone.register({ fields: { payload: "rubbish" } })).responseCode).toBe(34)
        const first = yield* mail("Subject-for-nobody-else")
        const second = yield* mail("Subject-for-olivia", OLIVIA.address)
        yield* within(
          cns.until(
            () =>
              about(iphone, first).length + about(android, first).length + about(olivias, second).length === 3
          ),
          "three notifications"
        )
        yield* exchange.markRead(ALICE.address, first)
        yield* cns.addFault({ kind: "status", status: 500, times: 1 })
        yield* exchange.addFault({ kind: "page", operation: "GetItem", times: 1 })
        const third = yield* mail("Subject-when-all-fails")
        yield* within(
          exchange.until(() =>
            exchange.deliveries().some(({ itemIds, outcome }) => itemIds.includes(third) && outcome === "OK")
          ),
          "the last mail"
        )
        expect((yield* android.updateToken(`new-${android.token()}`)).responseCode).toBe(3)

        const urls = exchange.subscriptions().map(({ url }) => new URL(url).searchParams)
        const credentials = {
          password: ALICE.password,
          "a wrong password": "Guessed-and-wrong",
          "the Basic header": Buffer.from(`${ALICE.address}:${ALICE.password}`).toString("base64"),
          "the access token": accessToken.slice(0, 60),
          "Alice's address": "alice.liddell",
          "Olivia's address": "olivia.auth",
          "the API token": apiToken
        }
        const addresses = {
          ...Object.fromEntries(
            urls.map((url, n) => [`f of subscription ${n}`, (url.get("f") ?? "").slice(8, 80)])
          ),
          ...Object.fromEntries(urls.map((url, n) => [`s of subscription ${n}`, url.get("s") ?? ""]))
        }
        const content = {
          "an unknown API token": "Unknown-api-token-123456",
          subjects: "Subject-",
          "the sender's name": "Bob Baker",
          "the sender's address": "bob@example.com",
          bodies: "Body of",
          "the iPhone's token": iphone.token(),
          "Android's token": android.token()
        }

        process.kill(service.pid, "SIGUSR2")
        yield* eventually(() => isWhole(heap), "the heap snapshot", 20)
        // It ends while the snapshot is looked at.
        yield* service.signal("SIGTERM")
        const onHeap = strings(heap)
        // What may be there is there: it is the right heap, and strings are found in it.
        expect(onHeap.includes(olivias.userId), "the control").toBe(true)
        expect(foundIn(onHeap, { ...credentials, ...addresses }), "on the heap").toEqual([])
        yield* within(service.ended, "the end of the process", 15)
        const log = installation.log()
        expect(log.split("\n").length).toBeGreaterThan(20)
        expect(log).toContain(iphone.userId)
        expect(
          foundIn(log + service.output(), { ...credentials, ...addresses, ...content }),
          "in the log"
        ).toEqual([])
        // The histories are written by then, and hold what happened without saying to what.
        const histories = historiesIn(installation.directory)
        expect(histories).toContain("registration")
        expect(histories).toContain("devices: delivered")
        expect(
          foundIn(histories, {
            ...credentials,
            ...addresses,
            ...content,
            "an item id": first,
            "another item id": third,
            "the host's log-in": ALICE.address.split("@")[0] ?? ""
          }),
          "in the histories"
        ).toEqual([])
        expect(
          foundIn(stored(installation.directory), {
            ...credentials,
            ...addresses,
            subjects: "Subject-",
            sender: "bob@"
          }),
          "in the data directory"
        ).toEqual([])
      })
  )
})

/** Names of the secrets that a text holds. */
const foundIn = (text: string, secrets: Readonly<Record<string, string>>): ReadonlyArray<string> =>
  Object.entries(secrets)
    .filter(([, secret]) => secret !== "" && text.includes(secret))
    .map(([name]) => name)

const snapshotIn = (directory: string) =>
  readdirSync(directory).find((name) => name.endsWith(".heapsnapshot"))

/** The snapshot is written bit by bit; its last section are the strings. */
const isWhole = (directory: string): boolean => {
  const name = snapshotIn(directory)
  if (name === undefined) return false
  // Not all of it at each look: the process that writes it would have to wait for that.
  const file = openSync(join(directory, name), "r")
  try {
    const end = Buffer.alloc(16)
    const read = readSync(file, end, 0, end.length, Math.max(0, fstatSync(file).size - end.length))
    return end.toString("utf8", 0, read).trimEnd().endsWith("]}")
  } finally {
    closeSync(file)
  }
}

/** All strings of the heap, one after another. */
const strings = (directory: string): string => {
  const file = readFileSync(join(directory, snapshotIn(directory) ?? ""))
  // The last section; the numbers before it are many times as much.
  const section = file.subarray(file.lastIndexOf('"strings":['))
  const { strings } = JSON.parse(`{${section}`) as { readonly strings: ReadonlyArray<string> }
  expect(strings.length).toBeGreaterThan(10_000)
  return strings.join("\n")
}

/** The texts of all users' histories. */
const historiesIn = (directory: string): string => {
  const name = readdirSync(directory, { recursive: true, encoding: "utf8" }).find((path) =>
    path.endsWith("ens.db")
  )
  const database = new DatabaseSync(join(directory, name ?? ""), { readOnly: true })
  const rows = database.prepare("SELECT events FROM histories").all()
  database.close()
  return rows.map(({ events }) => Buffer.from(events as Uint8Array).toString("utf8")).join("\n")
}

/** Everything on disk but the log, as bytes. */
const stored = (directory: string): string =>
  readdirSync(directory)
    .map((name) => join(directory, name))
    .filter((path) => existsSync(path) && statSync(path).isFile() && !path.endsWith(".log"))
    .map((path) => readFileSync(path, "latin1"))
    .join("\n")
