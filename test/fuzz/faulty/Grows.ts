import { own, type Target } from "../Target.ts"

const kept: Array<Buffer> = []

/** A parser that keeps something of each input. */
export const target: Target = {
  name: "grows",
  form: "text",
  words: [],
  seeds: () => own("a"),
  run: () => {
    kept.push(Buffer.alloc(8_192))
  }
}
