import { own, type Target } from "../Target.ts"

/** A parser that fails behind four steps, each of which has to be found by itself. */
export const target: Target = {
  name: "throws",
  form: "text",
  words: [],
  seeds: () => own("____"),
  run: (input) => {
    if (input[0] === 0x7f) {
      if (input[1] === 0xff) {
        if (input[2] === 0x22) throw new TypeError("found")
      }
    }
  }
}
