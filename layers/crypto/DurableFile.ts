import { randomUUID } from "node:crypto"
import { open, rename, unlink } from "node:fs/promises"
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

/** Writes a file as a whole or not at all, in place of another; after that it survives a loss of power. */
export const replaceFile = async (
  file: string,
  content: string | Uint8Array,
  mode: number
): Promise<void> => {
  const temporary = `${file}.${randomUUID()}`
  try {
    await makeFile(temporary, content, mode)
    await rename(temporary, file)
  } catch (error) {
    await unlink(temporary).catch(() => undefined)
    throw error
  }
  await syncDirectory(dirname(file))
}

/** Waits until the disk has the names in a directory. */
export const syncDirectory = async (directory: string): Promise<void> => {
  if (process.platform === "win32") return
  const handle = await open(directory, "r")
  await handle.sync().finally(() => handle.close())
}
