import { randomUUID } from "node:crypto"
import { open, rename, stat, unlink } from "node:fs/promises"
import { dirname } from "node:path"

/** Makes a file, which must not be there, and waits until the disk has it. */
export const makeFile = async (file: string, content: string | Uint8Array, mode: number): Promise<void> => {
  const handle = await open(file, "wx", mode)
  try {
    await handle.writeFile(content)
    await handle.sync()
  } finally {
    await handle.close()
  }
}

/**
 * Writes a file as a whole or not at all, with owner and rights of `model`, in place of one that is there (by default the
 * model itself). After that it survives a loss of power.
 */
export const replaceFile = async (
  model: string,
  content: string | Uint8Array,
  file: string = model
): Promise<void> => {
  const temporary = `${file}.${randomUUID()}`
  try {
    await makeFile(temporary, content, 0o600)
    await giveRightsOf(model, temporary)
    await rename(temporary, file)
  } catch (error) {
    await unlink(temporary).catch(() => undefined)
    throw error
  }
  await syncDirectory(dirname(file))
}

/** Owner, group and rights of `model` for `file`: those who read the one are to read the other. */
export const giveRightsOf = async (model: string, file: string): Promise<void> => {
  if (process.platform === "win32") return
  const { gid, mode, uid } = await stat(model)
  const handle = await open(file, "r")
  try {
    const ours = await handle.stat()
    if (ours.uid !== uid || ours.gid !== gid) await handle.chown(uid, gid)
    await handle.chmod(mode & 0o777)
  } finally {
    await handle.close()
  }
}

/** Waits until the disk has the names in a directory. */
export const syncDirectory = async (directory: string): Promise<void> => {
  if (process.platform === "win32") return
  const handle = await open(directory, "r")
  await handle.sync().finally(() => handle.close())
}
