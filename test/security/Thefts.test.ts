import { createSecretKey, randomBytes } from "node:crypto"
import { existsSync } from "node:fs"
import { join } from "node:path"
import { assert, describe, expect, it } from "@effect/vitest"
import { Effect, Option } from "effect"
import { open } from "../../layers/crypto/AesGcm.ts"
import { HEADER_BYTES, headerOf } from "../../layers/crypto/CallbackHeader.ts"
import * as LocalMasterKey from "../../layers/crypto/LocalMasterKey.ts"
import { ALICE, rehearse, within } from "../e2e/Rehearsal.ts"
import { queryOf } from "../support/CryptoFixture.ts"
import { startService } from "../support/ServiceFixture.ts"
import { temporaryDirectory } from "../support/TemporaryDirectory.ts"
import {
  blobsIn,
  decryptedWith,
  filesIn,
  opensWithAnyPart,
  openUrl,
  sealedPartOf,
  secretsIn,
  steal
} from "./Loot.ts"

const OLIVIA = { address: "olivia.auth@wonderland.example", password: "never-used-by-olivia" }

/**
 * Alice, whose password is in `f` in the mode of the test, and Olivia, whose token and certificate password do not fit and are
 * split. They are registered, have got a mail, and the service runs.
 */
const inhabited = Effect.fnUntraced(function* (mode: "sealed" | "rsa") {
  const accessToken = `eyJ${randomBytes(1200).toString("base64url")}`
  const all = yield* rehearse({
    exchange: { mailboxes: [ALICE, { ...OLIVIA, tokens: [accessToken] }] },
    settings: { ENS_WEBHOOK_CREDENTIALS: mode }
  })
  const service = yield* startService(all.installation)
  const alices = yield* all.phone("iOS")
  const olivias = yield* all.phone("Android", { user: OLIVIA, login: { accessToken } })
  for (const device of [alices, olivias]) expect((yield* device.register()).status).toBe(200)
  const item = yield* all.mail("A mail")
  yield* within(
    all.cns.until(() => all.about(alices, item).length === 1),
    "the mail"
  )
  const urlOf = (address: string) =>
    all.exchange.subscriptions().find(({ user }) => user === address)?.url ?? ""
  const urls = { alice: urlOf(ALICE.address), olivia: urlOf(OLIVIA.address) }
  const modes = [urls.alice, urls.olivia].map((url) => headerOf(queryOf(url).f)?.mode)
  expect(modes).toEqual([mode, "split"])
  const secrets = {
    "the password": ALICE.password,
    "the access token": accessToken.slice(0, 48),
    "the end of the access token": accessToken.slice(-48),
    "Alice's address": ALICE.address,
    "Olivia's address": OLIVIA.address
  }
  const { directory } = all.installation
  const keyFile = join(directory, "master.key")
  const loot = yield* temporaryDirectory
  return { ...all, accessToken, alices, directory, keyFile, loot, olivias, secrets, service, urls }
})

for (const mode of ["sealed", "rsa"] as const) {
  describe(`log-ins that are ${mode} or split`, () => {
    it.scopedLive("are not had with database and callback URLs, but without the master key", () =>
      Effect.gen(function* () {
        const { alices, directory, keyFile, loot, olivias, secrets, urls } = yield* inhabited(mode)
        steal(directory, loot, { masterKey: false })
        const file = join(loot, "ens.db")
        assert.isTrue(existsSync(`${file}-wal`))
        assert.isFalse(existsSync(join(loot, "master.key")))
        const fs = Object.values(urls).map((url) => Buffer.from(queryOf(url).f, "base64url"))
        expect(secretsIn([...filesIn(loot), ...fs], secrets)).toEqual([])

        const blobs = blobsIn(file)
        expect(blobs.length).toBeGreaterThan(8)
        const guesses = [Buffer.alloc(32), randomBytes(32), ...blobs.map((blob) => padded(blob))]
        for (const url of Object.values(urls)) {
          for (const guess of guesses) {
            expect(yield* openUrl(file, LocalMasterKey.make(Buffer.from(guess)), url)).toEqual(Option.none())
          }
        }
        const sealed = [sealedPartOf(urls.alice, alices.userId)]
        const [once, bound] = [
          sealedPartOf(urls.olivia, olivias.userId).body,
          sealedPartOf(urls.olivia, olivias.userId).bound
        ]
        assert.isFalse(opensWithAnyPart(blobs, sealed))
        // Of what is split there are two layers; the URL's key is for the inner one.
        assert.isFalse(
          opensWithAnyPart(
            [once],
            blobs.map((body) => ({ body, bound }))
          )
        )

        // The control: with the master key the same code opens both.
        const key = yield* LocalMasterKey.read({ file: keyFile })
        expect(Option.getOrThrow(yield* openUrl(file, key, urls.alice)).password).toBe(ALICE.password)
        expect(Option.getOrThrow(yield* openUrl(file, key, urls.olivia)).address).toBe(OLIVIA.address)
      })
    )

    it.scopedLive("are not had with database and master key, but without a callback URL", () =>
      Effect.gen(function* () {
        const { directory, loot, olivias, secrets, urls } = yield* inhabited(mode)
        steal(directory, loot, { masterKey: true })
        const file = join(loot, "ens.db")
        const key = yield* LocalMasterKey.read({ file: join(loot, "master.key") })
        const blobs = blobsIn(file)
        const opened = yield* decryptedWith(file, key)
        // Two users' seal and registration keys, and two of the service.
        expect(opened.length).toBeGreaterThanOrEqual(6)
        // What is split has its outer layer opened, too.
        const { body: once, bound } = sealedPartOf(urls.olivia, olivias.userId)
        const inner = opened
          .filter(({ length }) => length === 32)
          .flatMap((sealKey) => blobs.map((blob) => open(createSecretKey(sealKey), blob, bound)))
          .filter((layer) => layer !== undefined)
        expect(inner).toHaveLength(1)
        expect(secretsIn([...filesIn(loot), ...blobs, ...opened, ...inner], secrets)).toEqual([])
        const sealed = inner.map((body) => ({ body, bound }))
        assert.isFalse(
          opensWithAnyPart([...filesIn(loot).filter(({ length }) => length < 300_000), ...opened], sealed)
        )
        // The control: the URL has the key.
        assert.isTrue(opensWithAnyPart([once], sealed))
      })
    )

    it.scopedLive(
      "are useless after unregistering, whoever has URLs, master key and the database since then",
      () =>
        Effect.gen(function* () {
          const { alices, directory, keyFile, loot, olivias, service, urls } = yield* inhabited(mode)
          const before = blobsIn(join(directory, "ens.db"))
          const bytesBefore = filesIn(directory)
          const key = yield* LocalMasterKey.read({ file: keyFile })
          // The control.
          expect(Option.isSome(yield* openUrl(join(directory, "ens.db"), key, urls.alice))).toBe(true)
          for (const device of [alices, olivias]) expect((yield* device.unregister).status).toBe(200)
          const after = blobsIn(join(directory, "ens.db"))
          const gone = before.filter(
            (blob) => blob.length > 40 && !after.some((other) => Buffer.from(blob).equals(other))
          )
          // Two users' seal and registration keys, and Olivia's part; in mode rsa a second key pair.
          expect(gone.length).toBeGreaterThanOrEqual(mode === "rsa" ? 6 : 5)
          steal(directory, join(loot, "running"), { masterKey: true })
          yield* service.stop
          steal(directory, join(loot, "stopped"), { masterKey: true })
          for (const copy of ["running", "stopped"]) {
            for (const url of Object.values(urls))
              expect(yield* openUrl(join(loot, copy, "ens.db"), key, url)).toEqual(Option.none())
          }
          // No page that is free, and no WAL, has kept one of the keys.
          const keptIn = (files: ReadonlyArray<Buffer>) =>
            gone.filter((blob) => files.some((bytes) => bytes.includes(Buffer.from(blob).subarray(0, 40))))
          expect(keptIn(bytesBefore)).toHaveLength(gone.length)
          expect(keptIn(filesIn(join(loot, "stopped")))).toEqual([])
        })
    )
  })
}

describe("a callback URL alone", () => {
  for (const mode of ["sealed", "rsa"] as const) {
    it.scopedLive(`of mode ${mode} is no registration payload`, () =>
      Effect.gen(function* () {
        const { alices, olivias, exchange, urls } = yield* inhabited(mode)
        const subscriptions = exchange.subscriptions().length
        for (const [device, url] of [
          [alices, urls.alice],
          [olivias, urls.olivia]
        ] as const) {
          const { f } = queryOf(url)
          const bytes = Buffer.from(f, "base64url")
          for (const payload of [
            f,
            bytes.toString("base64"),
            bytes.subarray(HEADER_BYTES).toString("base64")
          ]) {
            const { responseCode } = yield* device.register({ fields: { payload } })
            expect(responseCode).toBe(34)
          }
        }
        expect(exchange.subscriptions()).toHaveLength(subscriptions)
      })
    )

    it.scopedLive(`of mode ${mode} tells nothing of the log-in`, () =>
      Effect.gen(function* () {
        const { secrets, urls } = yield* inhabited(mode)
        for (const url of Object.values(urls)) {
          const { f } = queryOf(url)
          expect(secretsIn([Buffer.from(url), Buffer.from(f, "base64url")], secrets)).toEqual([])
        }
      })
    )
  }
})

it("the search for secrets finds them in every form", () => {
  const secret = "Down-the-rabbit-hole-1865"
  const forms = [
    Buffer.from(`x${secret}y`),
    Buffer.from(secret, "utf16le"),
    Buffer.from(Buffer.from(`ab${secret}cd`).toString("hex")),
    ...["", "a", "ab"].map((before) =>
      Buffer.from(Buffer.from(`${before}${secret}and more`).toString("base64"))
    )
  ]
  for (const form of forms) expect(secretsIn([form], { secret })).toEqual(["secret"])
  expect(secretsIn([Buffer.from("Down-the-rabbit-hole-1866")], { secret })).toEqual([])
})

/** 32 bytes of a value, as a guess at a key. */
const padded = (bytes: Uint8Array): Buffer => {
  const key = Buffer.alloc(32)
  key.set(bytes.subarray(0, 32))
  return key
}
