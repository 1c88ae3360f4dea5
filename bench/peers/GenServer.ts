import { execFile } from "node:child_process"
import { fileURLToPath } from "node:url"
import { promisify } from "node:util"
import type { ActorsRow } from "../actors.ts"

/** The same measurement of Erlang's `gen_server`; no rows where Erlang is not installed, which is said. */
export const genServers = async (sizes: ReadonlyArray<number>): Promise<ReadonlyArray<ActorsRow>> => {
  const release = await erlang("erl", [
    "-noshell",
    "-eval",
    "io:put_chars(erlang:system_info(otp_release)), halt()."
  ])
  if (release === undefined) {
    process.stderr.write("erl is not installed: no rows for Erlang's gen_server\n")
    return []
  }
  const script = fileURLToPath(new URL("./gen_server.erl", import.meta.url))
  const output = (await erlang("escript", [script, ...sizes.map(String)])) ?? ""
  return output
    .trim()
    .split("\n")
    .map((line) => {
      const [n, bytes, spawn, woken, burst, close] = line.split(" ").map(Number)
      return {
        runtime: `gen_server on OTP ${release}`,
        n: n!,
        bytesPerActor: bytes!,
        spawnMicroseconds: spawn!,
        wokenPerSecond: woken!,
        burstPerSecond: burst!,
        closeMilliseconds: close!
      }
    })
}

const erlang = async (command: string, args: ReadonlyArray<string>): Promise<string | undefined> => {
  try {
    // OTP's default is a limit of 262,144 processes.
    const env = { ...process.env, ERL_FLAGS: "+P 2000000" }
    return (await promisify(execFile)(command, [...args], { env })).stdout
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined
    throw error
  }
}
