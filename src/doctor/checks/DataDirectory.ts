import { constants } from "node:fs"
import { access, stat, statfs } from "node:fs/promises"
import { Effect } from "effect"
import type { Check } from "../Check.ts"
import { failed, faulty, ok, skipped } from "../Finding.ts"
import { Patient } from "../Patient.ts"

/** The data directory: there, ours, nobody else's, writable, with room. */
export const dataDirectory: Check = {
  name: "data directory",
  within: 10,
  network: false,
  run: (tell) =>
    Effect.gen(function* () {
      const { dataDir } = (yield* Patient).settings
      const found = yield* attempt(() => stat(dataDir))
      if (found === undefined) {
        return tell(skipped("data directory", `${dataDir} is not there yet; ens init or ens start makes it`))
      }
      if (!found.isDirectory()) {
        return tell(failed("data directory", `${dataDir} is no directory`, "correct ENS_DATA_DIR"))
      }
      const mode = found.mode & 0o777
      const own = process.getuid?.() ?? found.uid
      if (process.platform !== "win32" && (mode & 0o077) !== 0) {
        const says = `${dataDir} has mode ${octal(mode)}, so other accounts can look into it`
        tell(failed("data directory", says, `run: chmod 700 ${dataDir}`))
      } else if (found.uid !== own) {
        const says = `${dataDir} belongs to account ${found.uid}, and this is ${own}`
        tell(
          failed(
            "data directory",
            says,
            "run ens doctor by the service's account, or give the directory to it"
          )
        )
      } else if ((yield* attempt(() => access(dataDir, constants.W_OK).then(() => true))) === undefined) {
        tell(faulty("data directory", "storage-down", `${dataDir} cannot be written to`))
      } else tell(ok("data directory", `${dataDir}, mode ${octal(mode)}, writable`))

      const disk = yield* attempt(() => statfs(dataDir))
      if (disk === undefined) return tell(skipped("disk space", "this platform does not tell it"))
      const free = Math.floor((disk.bavail * disk.bsize) / 1024 / 1024)
      if (free >= FREE) tell(ok("disk space", `${free} MiB free`))
      else
        tell(
          faulty("disk space", "storage-down", `only ${free} MiB free where ${dataDir} is`, "make room there")
        )
    })
}

/** MiB: some times what the database writes in a busy hour. */
const FREE = 500

const octal = (mode: number) => mode.toString(8).padStart(4, "0")

const attempt = <A>(work: () => Promise<A>): Effect.Effect<A | undefined> =>
  Effect.orElseSucceed(Effect.tryPromise(work), () => undefined)
