import { type ChildProcess, spawn } from "node:child_process"
import { existsSync } from "node:fs"
import { availableParallelism } from "node:os"
import { fileURLToPath } from "node:url"

/**
 * A TypeScript file run by this Node in a process of its own, on a processor of its own where the machine has `taskset`
 * and more than one; `ask` sends a message and waits for the answer.
 */
export class Pinned {
  readonly #child: ChildProcess
  readonly #name: string

  constructor(
    file: string,
    cpu: number,
    args: ReadonlyArray<string> = [],
    nodeOptions: ReadonlyArray<string> = [],
    environment: Readonly<Record<string, string>> = {},
    /** Where its log goes. */
    output: "inherit" | "ignore" = "inherit"
  ) {
    const node = [process.execPath, ...nodeOptions, fileURLToPath(new URL(file, import.meta.url)), ...args]
    const command = canPin ? ["/usr/bin/taskset", "-c", String(cpu), ...node] : node
    this.#name = file
    this.#child = spawn(command[0]!, command.slice(1), {
      stdio: ["ignore", output, output, "ipc"],
      env: { ...process.env, ...environment }
    })
  }

  /** The next message of the child; fails if it ends instead. */
  next<A>(): Promise<A> {
    return new Promise((resolve, reject) => {
      const ended = (code: number | null) => reject(new Error(`${this.#name} ended with ${code}`))
      this.#child.once("exit", ended)
      this.#child.once("message", (message) => {
        this.#child.off("exit", ended)
        resolve(message as A)
      })
    })
  }

  ask<A>(message: object): Promise<A> {
    const answer = this.next<A>()
    this.tell(message)
    return answer
  }

  /** Sends a message that has no answer. */
  tell(message: object): void {
    this.#child.send(message)
  }

  get pid(): number {
    return this.#child.pid ?? 0
  }

  /** Children end when their channel does. */
  stop(): void {
    if (this.#child.connected) this.#child.disconnect()
  }
}

/** Whether processes can be kept to one processor each. */
export const canPin =
  process.platform === "linux" && availableParallelism() > 1 && existsSync("/usr/bin/taskset")
