import { randomBytes, randomUUID } from "node:crypto"
import { constants } from "node:fs"
import { copyFile, link, mkdir, open, unlink } from "node:fs/promises"
import { dirname } from "node:path"
import { Effect, Schema } from "effect"
import { makeFile, syncDirectory } from "./DurableFile.ts"

/** The master key cannot be used as it is; `reason` says what to do. */
export class MasterKeyUnusable extends Schema.TaggedError<MasterKeyUnusable>()("MasterKeyUnusable", {
  /** The file's path, or the setting's name. */
  source: Schema.String,
  reason: Schema.String
}) {
  override get message() {
    return `the master key from ${this.source} cannot be used: ${this.reason}`
  }
}

export const MASTER_KEY_BYTES = 32

/** Reads the key from its file. Without a file one is made (mode 0600) in a way that several processes starting at once all get the same key. */
export const loadMasterKey = (file: string): Effect.Effect<Buffer, MasterKeyUnusable> =>
  Effect.flatMap(findMasterKey(file), (found) =>
    found === undefined
      ? Effect.flatMap(
          attempt(file, () => create(file)),
          (made) => keyIn(file, made)
        )
      : Effect.succeed(found)
  )

/** Reads the key from its file, which must be there: what it once wrapped opens with no other. */
export const readMasterKey = (file: string): Effect.Effect<Buffer, MasterKeyUnusable> =>
  Effect.flatMap(findMasterKey(file), (found) =>
    found === undefined
      ? new MasterKeyUnusable({
          source: file,
          reason:
            "there is no such file; restore it from its backup or copy it from another node, or correct ENS_MASTER_KEY_FILE or ENS_DATA_DIR"
        })
      : Effect.succeed(found)
  )

/** The same; undefined if there is no such file. */
export const findMasterKey = (file: string): Effect.Effect<Buffer | undefined, MasterKeyUnusable> =>
  Effect.flatMap(
    attempt(file, () => read(file)),
    (found) => (found === undefined ? Effect.succeed(undefined) : keyIn(file, found))
  )

/** A group may read the file (that is how orchestrators mount secrets), others may not. */
const keyIn = (file: string, found: KeyFile): Effect.Effect<Buffer, MasterKeyUnusable> =>
  Effect.gen(function* () {
    if (process.platform !== "win32" && (found.mode & 0o027) !== 0) {
      const mode = (found.mode & 0o777).toString(8).padStart(4, "0")
      return yield* new MasterKeyUnusable({
        source: file,
        reason: `its mode is ${mode}, so other accounts can use it; run "chmod 600" on it`
      })
    }
    return yield* parseMasterKey(found.text, file)
  })

/** The key from its text: canonical base64 of 32 bytes; white space around it and lines that start with # are ignored. */
export const parseMasterKey = (text: string, source: string): Effect.Effect<Buffer, MasterKeyUnusable> =>
  Effect.suspend(() => {
    const base64 = withoutComments(text)
    const key = Buffer.from(base64, "base64")
    if (key.length === MASTER_KEY_BYTES && key.toString("base64") === base64) return Effect.succeed(key)
    key.fill(0)
    return Effect.fail(
      new MasterKeyUnusable({
        source,
        reason: `it is not base64 of ${MASTER_KEY_BYTES} bytes; restore it from its backup, or for a new database make one with "openssl rand -base64 32"`
      })
    )
  })

/** The key's own text in a file, without comments. */
export const readKeyText = async (file: string): Promise<string> =>
  withoutComments((await read(file))?.text ?? "")

interface KeyFile {
  readonly text: string
  readonly mode: number
}

const withoutComments = (text: string) => text.replace(/^#.*$/gm, "").trim()

/** Far more than a key needs, so that a wrong path is not read into memory. */
const MAX_FILE_BYTES = 1024

const read = async (file: string): Promise<KeyFile | undefined> => {
  const handle = await open(file, "r").catch(unless("ENOENT"))
  if (handle === undefined) return undefined
  const buffer = Buffer.alloc(MAX_FILE_BYTES)
  try {
    const { mode } = await handle.stat()
    const { bytesRead } = await handle.read(buffer, 0, MAX_FILE_BYTES, 0)
    return { mode, text: buffer.toString("latin1", 0, bytesRead) }
  } finally {
    buffer.fill(0)
    await handle.close()
  }
}

const create = async (file: string): Promise<KeyFile> => {
  await mkdir(dirname(file), { recursive: true, mode: 0o700 })
  const temporary = `${file}.${randomUUID()}`
  try {
    await writeDurably(temporary)
    await publish(temporary, file)
  } finally {
    await unlink(temporary).catch(unless("ENOENT"))
  }
  await syncDirectory(dirname(file))
  // Read back: if another process published first, its key is the one.
  const published = await read(file)
  if (published === undefined) throw new Error("it vanished while being made")
  return published
}

const writeDurably = async (file: string) => {
  const key = randomBytes(MASTER_KEY_BYTES)
  const text = `${key.toString("base64")}\n`
  key.fill(0)
  await makeFile(file, text, 0o600)
}

/** Gives the finished file its name, unless that is taken; link does it atomically where the file system knows links. */
const publish = (temporary: string, file: string) =>
  link(temporary, file)
    .catch(unless("EEXIST"))
    .catch(() => copyFile(temporary, file, constants.COPYFILE_EXCL))
    .catch(unless("EEXIST"))

const unless =
  (code: string) =>
  (error: NodeJS.ErrnoException): undefined => {
    if (error.code !== code) throw error
  }

const attempt = <A>(file: string, run: () => Promise<A>) =>
  Effect.tryPromise({
    try: run,
    catch: (cause) =>
      new MasterKeyUnusable({
        source: file,
        reason: `${cause instanceof Error ? cause.message : "unknown error"}; check that this account may read and write there, or set ENS_MASTER_KEY_FILE`
      })
  })
