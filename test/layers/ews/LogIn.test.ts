import { describe, expect, it } from "@effect/vitest"
import { Either } from "effect"
import {
  chooseLogIn,
  isIgnored,
  type LogInChoice,
  meansOf,
  type Situation
} from "../../../layers/ews/LogIn.ts"
import type { AuthType, Credentials } from "../../../schemas/Credentials.ts"

const password: Situation = {
  means: { by: "password", certificate: false },
  setting: "auto",
  secure: true,
  seg: false,
  offered: undefined
}

const told = (choice: LogInChoice): string => {
  switch (choice._tag) {
    case "Ask":
      return "ask"
    case "Refuse":
      return `refuse: ${choice.reason}`
    case "Use":
      return choice.scheme
  }
}

describe("chooseLogIn", () => {
  const rows: ReadonlyArray<readonly [string, Partial<Situation>, string]> = [
    ["asks a server that it knows nothing of", {}, "ask"],
    ["takes Basic if there is nothing else", { offered: ["Basic"] }, "Basic"],
    ["takes Basic before NTLM", { offered: ["Negotiate", "NTLM", "Basic"] }, "Basic"],
    ["takes NTLM before Negotiate", { offered: ["Negotiate", "NTLM"] }, "NTLM"],
    ["takes Negotiate alone", { offered: ["Negotiate"] }, "Negotiate"],
    ["compares names without case", { offered: ["basic"] }, "Basic"],
    ["takes Basic over plain http", { secure: false, offered: ["NTLM", "Basic"] }, "Basic"],
    [
      "never takes NTLM over plain http",
      { secure: false, offered: ["NTLM"] },
      "refuse: it offers NTLM; NTLM is used over https only"
    ],
    [
      "says what would fit where tokens are wanted",
      { offered: ["Bearer"] },
      "refuse: it offers Bearer; for passwords register with auth type OAuth, or enable Basic or NTLM there"
    ],
    [
      "says what is missing where only others are offered",
      { offered: ["Digest", "WSSecurity"] },
      "refuse: it offers Digest, WSSecurity; for passwords enable Basic or NTLM there"
    ],
    [
      "doubts a server that offers nothing",
      { offered: [] },
      "refuse: it offers no way to log in; check the EWS URL"
    ],
    ["does not ask where the operator says Basic", { setting: "basic" }, "Basic"],
    ["does as the operator says, whatever is offered", { setting: "basic", offered: ["NTLM"] }, "Basic"],
    ["does not ask where the operator says NTLM", { setting: "ntlm" }, "NTLM"],
    ["takes NTLM before Basic if told so", { setting: "ntlm", offered: ["Basic", "NTLM"] }, "NTLM"],
    ["wraps NTLM if it must", { setting: "ntlm", offered: ["Negotiate", "Basic"] }, "Negotiate"],
    [
      "does not fall back to Basic against the operator's word",
      { setting: "ntlm", offered: ["Basic"] },
      "refuse: it offers Basic; ENS_EWS_PASSWORD_AUTH asks for NTLM, set it to auto"
    ],
    [
      "never takes NTLM over plain http, even if told so",
      { setting: "ntlm", secure: false },
      "refuse: ENS_EWS_PASSWORD_AUTH asks for NTLM, which is used over https only"
    ],
    ["asks a gateway too", { seg: true }, "ask"],
    ["asks a gateway even if told NTLM", { seg: true, setting: "ntlm" }, "ask"],
    ["takes Basic through a gateway", { seg: true, offered: ["NTLM", "Basic"] }, "Basic"],
    [
      "never takes NTLM through a gateway",
      { seg: true, setting: "ntlm", offered: ["NTLM", "Negotiate"] },
      "refuse: it offers NTLM, Negotiate, but a Secure Email Gateway carries no NTLM; enable Basic there"
    ],
    ["needs not ask with a token", { means: { by: "token", certificate: false } }, "Bearer"],
    ["needs not ask with a certificate", { means: { by: "certificate", certificate: true } }, "TLS"],
    ["asks with a certificate and a password", { means: { by: "password", certificate: true } }, "ask"],
    ["has a token beside a certificate", { means: { by: "token", certificate: true } }, "Bearer"],
    [
      "shows no certificate without TLS",
      { means: { by: "token", certificate: true }, secure: false },
      "refuse: a client certificate needs an https URL"
    ]
  ]
  for (const [what, situation, expected] of rows) {
    it(what, () => expect(told(chooseLogIn({ ...password, ...situation }))).toBe(expected))
  }

  it("takes a 401 for an answer to the log-in unless only other schemes are offered", () => {
    expect(isIgnored("Basic", ["Negotiate", "NTLM"])).toBe(true)
    expect(isIgnored("NTLM", ["Negotiate"])).toBe(true)
    expect(isIgnored("Basic", ["Negotiate", "basic"])).toBe(false)
    expect(isIgnored("Basic", [])).toBe(false)
  })
})

describe("meansOf", () => {
  const address = "ada@example.com"
  const rows: ReadonlyArray<readonly [AuthType, Omit<Credentials, "address">, string]> = [
    ["Basic", { password: "" }, "password"],
    ["Basic", { accessToken: "t", certificate: "c" }, "no password given"],
    ["OAuth", { accessToken: "t" }, "token"],
    ["OAuth", { password: "p" }, "no access token given"],
    ["Certificate", { certificate: "c", password: "p" }, "certificate +certificate"],
    ["Certificate", { password: "p" }, "no certificate given"],
    ["Dual", { certificate: "c", password: "p" }, "password +certificate"],
    ["Dual", { certificate: "c", accessToken: "t" }, "token +certificate"],
    ["Dual", { certificate: "c" }, "neither password nor access token given"],
    ["Dual", { password: "p" }, "no certificate given"]
  ]
  for (const [authType, credentials, expected] of rows) {
    it(`finds ${expected} for ${authType} in ${Object.keys(credentials).join(" and ")}`, () => {
      const means = Either.map(
        meansOf(authType, { address, ...credentials }),
        ({ by, certificate }) => `${by}${certificate ? " +certificate" : ""}`
      )
      expect(Either.merge(means)).toBe(expected)
    })
  }
})
