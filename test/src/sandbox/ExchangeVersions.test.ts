import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { makeExchange } from "../../../src/sandbox/Exchange.ts"
import { ServerName, VERSIONS } from "../../../src/sandbox/ExchangeVersions.ts"
import {
  ALICE,
  codes,
  ews,
  findItemXml,
  getFolderXml,
  getItemXml,
  inboxOf,
  PASSWORD
} from "./support/SoapClient.ts"

const server = (serverVersion: ServerName) =>
  makeExchange({ serverVersion, mailboxes: [{ address: ALICE, password: PASSWORD }] })

describe("a server", () => {
  it.scopedLive.each([
    ["2010_SP1", 'MajorVersion="14" MinorVersion="1"', "Exchange2010_SP1"],
    ["2010_SP3", 'MajorVersion="14" MinorVersion="3"', "Exchange2010_SP2"],
    ["2013", 'MajorVersion="15" MinorVersion="0"', "Exchange2013"],
    ["2016", 'MajorVersion="15" MinorVersion="1"', "V2017_07_11"],
    ["SE", 'MajorVersion="15" MinorVersion="2"', "V2017_07_11"]
  ] as const)("of %s says so, and refuses every newer schema", ([name, info, newest]) =>
    Effect.gen(function* () {
      const exchange = yield* server(name)
      const known: Array<string> = []
      for (const version of VERSIONS) {
        const answer = yield* ews(exchange, getFolderXml(inboxOf()), { version })
        expect(answer.text).toContain(info)
        const [code] = codes(answer)
        if (code === "NoError") known.push(version)
        else expect([answer.status, code]).toEqual([500, "ErrorInvalidServerVersion"])
      }
      expect(known.at(-1)).toBe(newest)
      expect(known).toEqual(VERSIONS.slice(0, known.length))
    })
  )

  it.scopedLive.each(ServerName.literals)("of %s knows a preview only where the schema has it", (name) =>
    Effect.gen(function* () {
      const exchange = yield* server(name)
      const id = yield* exchange.deliver({ to: ALICE, from: "b@corp.example", subject: "s", body: "b" })
      const isNew = !/^20(?:07|10)/.test(name)
      const old = ["2007_SP1"].includes(name) ? "Exchange2007_SP1" : "Exchange2010"
      const requests = [getItemXml([id], ["item:Preview"]), findItemXml({ fields: ["item:Preview"] })]
      for (const request of requests) {
        expect(codes(yield* ews(exchange, request, { version: old }))).toEqual([
          isNew ? "ErrorInvalidPropertyRequest" : "ErrorSchemaValidation"
        ])
        if (isNew)
          expect(codes(yield* ews(exchange, request, { version: "Exchange2013" }))).toEqual(["NoError"])
      }
      const body = yield* ews(exchange, getItemXml([id], ["item:Size", "item:Body"]), { version: old })
      expect(body.text).toContain('<t:Body BodyType="Text">b</t:Body>')
      expect(body.text).toContain("<t:Size>1</t:Size>")
    })
  )
})
