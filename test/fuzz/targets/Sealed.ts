import { Effect, Exit, Option, Redacted } from "effect"
import { claimOf } from "../../../layers/crypto/CallbackHeader.ts"
import { CallbackSeal } from "../../../layers/crypto/CallbackSeal.ts"
import * as LocalMasterKey from "../../../layers/crypto/LocalMasterKey.ts"
import { MasterKey } from "../../../layers/crypto/MasterKey.ts"
import { pack, unpack } from "../../../layers/crypto/PackedCredentials.ts"
import { isSealed, openText, sealText } from "../../../layers/crypto/SealedText.ts"
import { ServiceKeys } from "../../../layers/crypto/ServiceKeys.ts"
import { UserNumber } from "../../../schemas/Ids.ts"
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
import { check, own, type Target } from "../Target.ts"

const key = somePrivateKey()
const GENERATION = generation(3)
const LONG = samples["a 6 KB certificate with a token"] ?? basic

/** A user with a URL for each of some credentials; long ones are split. */
const madeIn = (mode: "sealed" | "rsa") => {
  const shelf = new SealShelf()
  return Effect.runPromise(
    Effect.gen(function* () {
      const seal = yield* CallbackSeal
      const master = yield* MasterKey
      const { callbackMac } = yield* ServiceKeys
      const user = yield* makeUser("7", 1, key)
      shelf.users.set("7", user)
      const urls = yield* Effect.forEach([basic, LONG], (one) =>
        seal.makeUrl(user, GENERATION, Redacted.make(one))
      )
      return { seal, master, callbackMac, user, made: urls.map((url) => queryOf(url).f) }
    }).pipe(
      Effect.provide(sealLayer(shelf, LocalMasterKey.layerTest, () => key, { webhookCredentials: mode }))
    )
  )
}

const worlds = [await madeIn("sealed"), await madeIn("rsa")] as const
const USER = UserNumber.make("7")
const secret = sealText(worlds[0].master, Redacted.make("secret"))

/** `f` with a MAC that is right, however it was changed: nothing opens but what was made. And sealed settings. */
export const target: Target = {
  name: "sealed",
  form: "binary",
  longest: 3_000,
  words: [
    "AQE",
    "AQI",
    "AQM",
    "A",
    "-",
    "_",
    "=",
    "\x01\x01",
    "\x01\x02",
    "\x01\x03",
    '{"a":"x"}',
    '{"a":1}',
    "sealed:"
  ],
  seeds: () =>
    own(
      ...worlds.flatMap(({ made }) => made.flatMap((f) => [Buffer.from(f, "base64url"), Buffer.from(f)])),
      pack(basic),
      secret
    ),
  run: async (input) => {
    await checkText(input.toString("latin1"))
    await checkF(input.toString("latin1").slice(0, 1_999))
    await checkF(input.toString("base64url").slice(0, 1_999))
    const unpacked = unpack(input)
    if (Option.isSome(unpacked)) {
      const again = unpack(pack(unpacked.value))
      check(JSON.stringify(again) === JSON.stringify(unpacked), "credentials are packed as they are unpacked")
    }
  }
}

const checkF = async (f: string) => {
  const claim = claimOf(f)
  if (claim === undefined) return
  for (const { callbackMac, made, seal, user } of worlds) {
    const s = callbackMac.sign(USER, claim, f)
    check(seal.verify("7", f, s) !== undefined, "what is signed is taken")
    const exit = await Effect.runPromiseExit(seal.open(user, claim.generation, f))
    if (Exit.isFailure(exit)) {
      check(exit.cause._tag === "Fail" && exit.cause.error._tag === "SealBroken", "the failure is SealBroken")
    } else if (Option.isSome(exit.value)) {
      const bytes = Buffer.from(f, "base64url")
      check(
        made.some((one) => Buffer.from(one, "base64url").equals(bytes)),
        "nothing opens but what was made"
      )
    }
    await Effect.runPromise(seal.isFor(user, f))
  }
}

const checkText = async (text: string) => {
  if (!isSealed(text)) return
  const exit = await Effect.runPromiseExit(openText(worlds[0].master, text))
  if (Exit.isSuccess(exit)) check(text === secret, "no text opens but the one that was made")
  else
    check(
      exit.cause._tag === "Fail" && exit.cause.error._tag === "SealedTextUnreadable",
      "the failure is typed"
    )
}
