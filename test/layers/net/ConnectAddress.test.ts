import { describe, expect, it } from "@effect/vitest"
import { mayConnect } from "../../../layers/net/ConnectAddress.ts"

describe("ConnectAddress", () => {
  it("lets listed endpoints go everywhere but where nobody may, in clear only on this machine", () => {
    const allowed = (listed: boolean, secure: boolean) =>
      ["8.8.8.8", "10.0.0.1", "127.0.0.1", "169.254.169.254"].map((address) =>
        mayConnect(address, { listed, secure })
      )
    expect(allowed(true, true)).toEqual([true, true, true, false])
    expect(allowed(true, false)).toEqual([false, false, true, false])
    expect(allowed(false, true)).toEqual([true, false, false, false])
    expect(allowed(false, false)).toEqual([false, false, false, false])
  })
})
