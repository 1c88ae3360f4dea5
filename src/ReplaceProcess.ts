/**
 * Replaces this process by Node with these arguments: same process id, and nothing of this one is waited for. Returns only
 * where that cannot be done: on Windows, and where Node's permission model allows no other process.
 */
export const replaceProcess = (args: ReadonlyArray<string>, environment: NodeJS.ProcessEnv): void => {
  const isAllowed = process.permission?.has("child") ?? true
  if (process.platform === "win32" || !isAllowed) return
  process.execve?.(process.execPath, [process.argv0, ...args], environment)
}
