import { randomBytes } from "node:crypto"
import { readFileSync } from "node:fs"
import { afterEach, beforeAll, describe, expect, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Layer, Redacted } from "effect"
import { vi } from "vitest"
import { CallbackSeal } from "../../../layers/crypto/CallbackSeal.ts"
import * as LocalMasterKey from "../../../layers/crypto/LocalMasterKey.ts"
import type { MasterKey } from "../../../layers/crypto/MasterKey.ts"
import { RsaKeys } from "../../../layers/crypto/RsaKeys.ts"
import { openPayload } from "../../../layers/crypto/UserKeyring.ts"
import { openClientIdentity } from "../../../layers/net/ClientIdentity.ts"
import { authenticate, negotiate, parseChallenge } from "../../../layers/net/Ntlm.ts"
import { Storage } from "../../../layers/storage/Storage.ts"
import { StorageError } from "../../../schemas/StorageError.ts"
import {
  basic,
  generation,
  makeUser,
  queryOf,
  SealShelf,
  samples,
  sealLayer,
  somePrivateKey
} from "../../support/CryptoFixture.ts"
import { temporaryDirectory } from "../../support/TemporaryDirectory.ts"
import { TlsFiles } from "../../support/TlsFiles.ts"

/** All bytes that went into node:crypto as keys, or came out of it in clear. */
const seen = vi.hoisted(() => [] as Uint8Array[])

vi.mock("node:crypto", async (importOriginal) => {
  const crypto = await importOriginal<typeof import("node:crypto")>()
  const note = <A>(value: A): A => {
    if (value instanceof Uint8Array) seen.push(value)
    return value
  }
  return {
    ...crypto,
    createHmac: (name: string, key: Buffer) => crypto.createHmac(name, note(key)),
    createSecretKey: (key: Buffer) => crypto.createSecretKey(note(key)),
    createPrivateKey: (given: { readonly key: Buffer }) => {
      note(given.key)
      return crypto.createPrivateKey(given as never)
    },
    pbkdf2Sync: (...args: Parameters<typeof crypto.pbkdf2Sync>) => note(crypto.pbkdf2Sync(...args)),
    privateDecrypt: (...args: Parameters<typeof crypto.privateDecrypt>) =>
      note(crypto.privateDecrypt(...args)),
    createDecipheriv: (...args: Parameters<typeof crypto.createDecipheriv>) => {
      const decipher = crypto.createDecipheriv(...args)
      const update = decipher.update.bind(decipher) as (data: Buffer) => Buffer
      return Object.assign(decipher, { update: (...data: [Buffer]) => note(update(...data)) })
    }
  }
})

afterEach(() => {
  vi.restoreAllMocks()
  seen.length = 0
})

const unwiped = () => seen.filter((bytes) => bytes.some((byte) => byte !== 0))

let registrationKey: Buffer
let callbackKey: Buffer
beforeAll(() => {
  registrationKey = somePrivateKey()
  callbackKey = somePrivateKey()
})

const PASSWORD = basic.password ?? ""

/** Bytes in which the password stands, wherever they were put together. */
const withPassword = () => {
  const found: Array<Buffer> = []
  const concat = Buffer.concat
  vi.spyOn(Buffer, "concat").mockImplementation((...args) => {
    const joined = concat(...args)
    if (joined.includes(PASSWORD)) found.push(joined)
    return joined
  })
  return found
}

/**
 * Interrupts the work wherever its fiber lets others run, which it is made to do after 16, 17, 18 … operations (of less the
 * letting alone consists). Says after how many the password was left behind, and how often it was at hand.
 */
const interruptedEverywhere = async <A, E>(work: Effect.Effect<A, E>) => {
  const joined = withPassword()
  const left = new Set<number>()
  let late = 0
  for (let operations = 16; operations < 90; operations++) {
    let isOver = false
    for (let steps = 1; !isOver && steps < 40; steps++) {
      seen.length = 0
      joined.length = 0
      const fiber = Effect.runFork(Effect.withMaxOpsBeforeYield(work, operations))
      // Most steps are microtasks, the pauses between blocks are not.
      for (let step = 1; step < steps; step++)
        await (step % 4 === 0 ? new Promise((resolve) => setImmediate(resolve)) : Promise.resolve())
      const exit = await Effect.runPromise(Fiber.interrupt(fiber))
      isOver = Exit.isSuccess(exit)
      const inClear = [...joined, ...seen.filter((bytes) => Buffer.from(bytes).includes(PASSWORD))]
      if (inClear.some((bytes) => Buffer.from(bytes).includes(PASSWORD))) left.add(operations)
      if (!isOver && joined.length + seen.length > 0) late++
    }
  }
  return { left: [...left], late }
}

describe("bytes of a log-in", () => {
  for (const mode of ["sealed", "rsa"] as const)
    for (const what of ["a password", "a 4 KB token"])
      it.effect(`out of a callback URL are wiped, wherever its work is interrupted: ${mode}, ${what}`, () =>
        Effect.gen(function* () {
          const seal = yield* CallbackSeal
          const ann = yield* makeUser("7", 1, registrationKey)
          const url = yield* seal.makeUrl(
            ann,
            generation(3),
            Redacted.make({ ...samples[what], address: "ann@example.com", password: PASSWORD })
          )
          const work = seal.open(ann, generation(3), queryOf(url).f)
          const { late, left } = yield* Effect.promise(() => interruptedEverywhere(work))
          expect(left).toEqual([])
          expect(late).toBeGreaterThan(3)
        }).pipe(
          Effect.provide(
            sealLayer(new SealShelf(), LocalMasterKey.layerTest, () => callbackKey, {
              webhookCredentials: mode
            })
          )
        )
      )

  it.effect("out of a payload are wiped, wherever its work is interrupted", () =>
    Effect.gen(function* () {
      const rsa = yield* RsaKeys
      const ann = yield* makeUser("7", 1, registrationKey)
      const text = Buffer.from(JSON.stringify({ password: PASSWORD, more: "x".repeat(400) }))
      const payload = rsa.encryptBlocks(rsa.publicKey(registrationKey), text).toString("base64")
      const context = yield* Effect.context<RsaKeys | MasterKey>()
      const work = Effect.provide(openPayload(ann, payload), context)
      const { late, left } = yield* Effect.promise(() => interruptedEverywhere(work))
      expect(left).toEqual([])
      expect(late).toBeGreaterThan(3)
    }).pipe(Effect.provide(sealLayer(new SealShelf(), LocalMasterKey.layerTest, () => callbackKey)))
  )

  it.effect("that cannot be stored are lost with the key that was made for them", () =>
    Effect.gen(function* () {
      const seal = yield* CallbackSeal
      const ann = yield* makeUser("7", 1, registrationKey)
      seen.length = 0
      const made = seal.makeUrl(ann, generation(3), Redacted.make(samples["a 4 KB token"] ?? basic))
      expect(Exit.isFailure(yield* Effect.exit(made))).toBe(true)
      expect(seen.length).toBeGreaterThanOrEqual(2)
      expect(unwiped()).toEqual([])
    }).pipe(Effect.provide(sealLayer(unwritable(), LocalMasterKey.layerTest, () => callbackKey)))
  )

  it("by NTLM are wiped: the hash of the password, and the keys made of it", () => {
    const challenge = parseChallenge(CHALLENGE)
    if (challenge._tag === "Left") throw new Error(challenge.left)
    authenticate({
      challenge: challenge.right,
      negotiate: negotiate(),
      user: "ann",
      domain: "EXAMPLE",
      password: PASSWORD,
      channelBinding: undefined,
      random: randomBytes(8),
      now: 0
    })
    expect(seen.length).toBeGreaterThanOrEqual(4)
    expect(unwiped()).toEqual([])
  })

  it.scoped.skipIf(TlsFiles.missing)(
    "by a certificate are wiped: the keys that open its file, and its own",
    () =>
      Effect.gen(function* () {
        const some = new TlsFiles(yield* temporaryDirectory)
        const { certFile, keyFile } = some.make("ann")
        for (const how of [[], ["-keypbe", "NONE"], ["-legacy"]]) {
          const pfxFile = some.path(`${how.length}.pfx`)
          some.openssl(
            ...["pkcs12", "-export", ...how, "-in", certFile ?? "", "-inkey", keyFile ?? ""],
            ...["-out", pfxFile, "-passout", `pass:${PASSWORD}`]
          )
          const pfx = readFileSync(pfxFile, "base64")
          seen.length = 0
          expect(openClientIdentity(Redacted.make(pfx), Redacted.make(PASSWORD))._tag, String(how)).toBe(
            "Right"
          )
          openClientIdentity(Redacted.make(pfx), Redacted.make("wrong"))
          expect(seen.length).toBeGreaterThan(0)
          expect(unwiped()).toEqual([])
        }
      })
  )
})

/** A shelf whose disk is full. */
const unwritable = (): SealShelf => {
  const shelf = new SealShelf()
  const full = () => new StorageError({ operation: "savePartial", transient: true, cause: new Error("full") })
  const layer = Layer.map(shelf.layer, (context) => {
    const storage = context.unsafeMap.get(Storage.key)
    Object.assign(storage, { savePartial: () => Effect.fail(full()) })
    return context
  })
  return Object.assign(shelf, { layer })
}

/** CHALLENGE_MESSAGE: Unicode, target information with nothing but its end. */
const CHALLENGE = (() => {
  const message = Buffer.alloc(52)
  message.write("NTLMSSP\0", "latin1")
  message.writeUInt32LE(2, 8)
  message.writeUInt32LE(0x00800201, 20)
  message.writeUInt16LE(4, 40)
  message.writeUInt16LE(4, 42)
  message.writeUInt32LE(48, 44)
  return message
})()
