import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { addressesOf } from "../../../src/doctor/Names.ts"

describe("a name", () => {
  it.live("that is this machine's is found, and one that is nobody's says why not", () =>
    Effect.gen(function* () {
      expect(yield* addressesOf("localhost")).toContainEqual(expect.stringMatching(/^(127\.0\.0\.1|::1)$/))
      expect(yield* Effect.flip(addressesOf("nobody.invalid"))).toMatch(
        /^the (name does not resolve|DNS server does not answer)/
      )
    })
  )
})
