import { randomUUID } from "node:crypto"
import { mkdir, open, rename, unlink } from "node:fs/promises"
import { dirname } from "node:path"
import { Effect } from "effect"
import { PushSetupError } from "./PushSetupError.ts"

/** A file's bytes; undefined if there is none. `cure` ends the sentence about what cannot be read. */
export const readIfThere = (
  file: string,
  max: number,
  cure: string
): Effect.Effect<Buffer | undefined, PushSetupError> =>
  Effect.tryPromise({
    try: () => read(file, max),
    catch: (error) => problem(`cannot read ${file} (${codeOf(error)}); ${cure}`)
  }).pipe(
    Effect.filterOrFail(
      (bytes) => bytes !== "too large",
      () => problem(`${file} is larger than ${max} bytes; ${cure}`)
    )
  )

/** The same of a file that must be there. */
export const readBounded = (file: string, max: number, cure: string): Effect.Effect<Buffer, PushSetupError> =>
  Effect.flatMap(readIfThere(file, max, cure), (bytes) =>
    bytes === undefined ? problem(`there is no file ${file}; ${cure}`) : Effect.succeed(bytes)
  )

/** Writes a file that only this account may read (mode 0600), as a whole or not at all. */
export const replace = (file: string, bytes: Uint8Array): Effect.Effect<void, PushSetupError> =>
  Effect.tryPromise({
    try: async () => {
      await mkdir(dirname(file), { recursive: true, mode: 0o700 })
      const temporary = `${file}.${randomUUID()}`
      try {
        const handle = await open(temporary, "wx", 0o600)
        try {
          await handle.writeFile(bytes)
          await handle.sync()
        } finally {
          await handle.close()
        }
        await rename(temporary, file)
      } catch (error) {
        await unlink(temporary).catch(() => undefined)
        throw error
      }
    },
    catch: (error) => problem(`cannot write ${file} (${codeOf(error)}); correct ENS_DATA_DIR or its rights`)
  })

const read = async (file: string, max: number): Promise<Buffer | "too large" | undefined> => {
  const handle = await open(file, "r").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return undefined
    throw error
  })
  if (handle === undefined) return undefined
  const buffer = Buffer.alloc(max + 1)
  try {
    let length = 0
    for (let bytes = -1; bytes !== 0 && length < buffer.length; length += bytes)
      bytes = (await handle.read(buffer, length, buffer.length - length)).bytesRead
    return length > max ? "too large" : Buffer.from(buffer.subarray(0, length))
  } finally {
    buffer.fill(0)
    await handle.close()
  }
}

const problem = (text: string) => new PushSetupError({ gateway: "cns", problem: text })

const codeOf = (error: unknown) =>
  error instanceof Error && "code" in error ? String(error.code) : "unknown error"
