/**
 * The input that is being run, where another thread sees it: whoever watches can tell which one does not come back, or took
 * the worker with it.
 */
export class InHand {
  readonly memory: SharedArrayBuffer
  readonly #numbers: Int32Array
  readonly #bytes: Uint8Array

  constructor(memory: SharedArrayBuffer = new SharedArrayBuffer(HEAD + MOST)) {
    this.memory = memory
    this.#numbers = new Int32Array(memory, 0, 2)
    this.#bytes = new Uint8Array(memory, HEAD)
  }

  begin(input: Uint8Array): void {
    const length = Math.min(input.length, MOST)
    this.#bytes.set(length === input.length ? input : input.subarray(0, length))
    Atomics.store(this.#numbers, 1, length)
    Atomics.add(this.#numbers, 0, 1)
  }

  end(): void {
    Atomics.add(this.#numbers, 0, 1)
  }

  /** Odd while an input is being run. */
  get turn(): number {
    return Atomics.load(this.#numbers, 0)
  }

  get input(): Uint8Array {
    return Uint8Array.from(this.#bytes.subarray(0, Atomics.load(this.#numbers, 1)))
  }
}

const HEAD = 8
const MOST = 4 * 1024 * 1024
