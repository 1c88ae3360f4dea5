import { spawnSync } from "node:child_process"
import { existsSync } from "node:fs"
import { describe, expect, it } from "@effect/vitest"
import { Either } from "effect"
import { MESSAGES, readSoap, textOf } from "../../../layers/ews/SoapReader.ts"
import { answerOf } from "../../../layers/ews/SubscriptionStatus.ts"
import { envelopeSchema, samples } from "../../support/EwsSamples.ts"

const xmllint = spawnSync("xmllint", ["--version"]).error === undefined && existsSync(envelopeSchema)
const skipped = xmllint ? "" : " [SKIPPED: xmllint or ../shared/ews/schema is not there]"

describe("SubscriptionStatus", () => {
  it.each(["OK", "Unsubscribe"] as const)(
    "says %s as others say it, from the same bytes each time",
    (status) => {
      const said = (document: Uint8Array) => {
        const result = Either.getOrThrow(readSoap(document, 10_000))
        return [result.uri, result.local, textOf(result, MESSAGES, "SubscriptionStatus")]
      }
      expect(said(answerOf(status))).toEqual([MESSAGES, "SendNotificationResult", status])
      expect(answerOf(status)).toBe(answerOf(status))
      for (const name of samples.names(
        new RegExp(`^workmail-sendnotificationresult-${status}\\.xml$`, "i")
      )) {
        expect(said(samples.read(name))).toEqual(said(answerOf(status)))
      }
    }
  )

  it.runIf(xmllint).each(["OK", "Unsubscribe"] as const)(`says %s validly${skipped}`, (status) => {
    const verdict = spawnSync("xmllint", ["--noout", "--nonet", "--schema", envelopeSchema, "-"], {
      input: answerOf(status),
      encoding: "utf8"
    })
    expect(verdict.stderr).toBe("- validates\n")
  })
})
