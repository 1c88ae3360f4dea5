import { own, type Target } from "../Target.ts"

/** A parser that never comes back from one word. */
export const target: Target = {
  name: "hangs",
  form: "text",
  words: ["loop"],
  seeds: () => own("a"),
  run: (input) => {
    while (input.includes("loop"));
  }
}
