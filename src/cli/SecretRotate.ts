import { resolve } from "node:path"
import { Command, Options } from "@effect/cli"
import { Clock, Console, Effect, Layer, Option, Schedule } from "effect"
import { MasterKey } from "../../layers/crypto/MasterKey.ts"
import * as MasterKeySwap from "../../layers/crypto/MasterKeySwap.ts"
import { Ownership } from "../../layers/ownership/Ownership.ts"
import * as CnsCertificateFile from "../../layers/push/CnsCertificateFile.ts"
import * as MasterKeyRotation from "../../layers/storage/MasterKeyRotation.ts"
import { dateOf } from "../../layers/storage/RotationState.ts"
import * as Logging from "../../layers/telemetry/Logging.ts"
import { Settings } from "../../schemas/Settings.ts"
import * as Config from "../Config.ts"
import type { Source } from "../config/Source.ts"
import * as Database from "../Database.ts"
import { audited } from "./Audited.ts"
import { CommandProblem } from "./CommandProblem.ts"
import { configFile, json } from "./CommonOptions.ts"
import * as Progress from "./Progress.ts"
import { keysAtHand, newKeyFileOf, plan, type RotationPlan } from "./RotationPlan.ts"
import { asJson, asText } from "./RotationReport.ts"
import { sealAnew } from "./SealedAnew.ts"

const options = {
  newKeyFile: Options.file("new-key-file").pipe(
    Options.withDescription(
      "File of the new key, made if missing; needed with ENS_MASTER_KEY. The present key then stays where it is"
    ),
    Options.optional
  ),
  configFile,
  json
}

/**
 * `ens secret rotate`: puts a new master key in the present one's place. Killed anywhere, it is finished by calling it again;
 * until then nothing else opens the database.
 */
export const rotateCommand = Command.make("rotate", options, (given) => {
  const newKeyFile = Option.getOrUndefined(Option.map(given.newKeyFile, (file) => resolve(file)))
  const source: Source = { file: Option.getOrUndefined(given.configFile) }
  return audited(
    { action: "secret.rotate", target: "master key" },
    Layer.provideMerge(Database.storage, Database.ownership),
    rotate(source, newKeyFile, given.json ? asJson : asText)
  ).pipe(
    Progress.shown(given.json),
    Effect.provide(Config.layer({ ...source, purpose: "administer", keys: keysAtHand(newKeyFile) })),
    Effect.provide(Logging.layerWarnings)
  )
}).pipe(Command.withDescription("Replace the master key, and wrap everything anew"))

/** The rotation itself, begun or gone on with; `print` makes the report's text. */
export const rotate = Effect.fnUntraced(function* (
  source: Source,
  newKeyFile: string | undefined,
  print: typeof asText
) {
  const progress = yield* Progress.Progress
  yield* progress.step("waiting until no other process uses the database")
  yield* alone
  const { dataDir, masterKey } = yield* Settings
  const rotation = yield* plan(masterKey, newKeyFile)
  yield* progress.step("keys wrapped by the new master key")
  const rewrapped = yield* MasterKeyRotation.rewrap(rotation, progress.count)
  const at = dateOf(rotation.state.startedAt)
  if (rotation.state.step === "keys") {
    yield* MasterKeyRotation.settle(rotation, rotation.state, yield* Clock.currentTimeMillis)
  }
  // As long as the key's file is the old one, both keys are at hand, whatever happens.
  yield* progress.step("sealed settings, certificate and key file")
  const settings = yield* sealAnew(source, rotation)
  yield* rewrapCertificate(dataDir, rotation)
  const isSwapped = newKeyFile === undefined && "file" in masterKey
  const former = isSwapped ? yield* MasterKeySwap.swap(masterKey.file, rotation, at) : undefined
  const key = isSwapped ? masterKey.file : newKeyFileOf(masterKey, newKeyFile)
  yield* progress.clear
  // Before the end: whoever is killed in between gets it printed again.
  yield* Console.log(
    print({ key: key ?? "", isSwapped, former, rewrapped, settings, resumed: rotation.resumed })
  )
  yield* MasterKeyRotation.finish
})

/** Waits for the lease of one that was killed to run out. */
const alone = Effect.gen(function* () {
  const ownership = yield* Ownership
  yield* Effect.suspend(() => (ownership.role() === "active" ? Effect.void : Effect.fail("another"))).pipe(
    Effect.retry(Schedule.intersect(Schedule.spaced("1 second"), Schedule.recurs(LEASE_SECONDS))),
    Effect.mapError(
      () =>
        new CommandProblem({
          problem: "the service runs on this database; stop it on every node, standbys too, and repeat"
        })
    )
  )
})

/** The certificate that `ens init` keeps is wrapped by the master key, too. */
const rewrapCertificate = Effect.fnUntraced(function* (dataDir: string, { from, to }: RotationPlan) {
  const read = CnsCertificateFile.read(dataDir)
  const isDone = yield* Effect.isSuccess(Effect.provideService(read, MasterKey, to))
  if (isDone) return
  const certificate = yield* Effect.provideService(read, MasterKey, from)
  if (certificate === undefined) return
  yield* Effect.provideService(CnsCertificateFile.write(dataDir, certificate), MasterKey, to)
})

const LEASE_SECONDS = 32
