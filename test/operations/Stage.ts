import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { Effect } from "effect"
import { type CnsOptions, makeCns } from "../../src/sandbox/Cns.ts"
import { type DeviceOptions, makeDevice } from "../../src/sandbox/Device.ts"
import { type ExchangeOptions, makeExchange } from "../../src/sandbox/Exchange.ts"
import { ALICE } from "../e2e/Rehearsal.ts"
import { makeInstallation } from "../support/Installation.ts"
import { temporaryDirectory } from "../support/TemporaryDirectory.ts"

/** What differs from an installation in which everything works. */
export interface Plan {
  readonly exchange?: ExchangeOptions
  readonly settings?: Readonly<Record<string, string>>
  readonly cns?: CnsOptions
  /** The EWS URL in the tenant's list; `null` = none is listed. Default: the right one. */
  readonly ewsUrl?: (right: string) => string | null
  readonly pins?: ReadonlyArray<string>
  /** PEM of ENS_EWS_CA_FILE. */
  readonly authority?: string
}

/** Exchange, CNS and an installation that knows them; the service itself is not started yet. */
export const makeStage = Effect.fnUntraced(function* (plan: Plan) {
  const exchange = yield* makeExchange({ mailboxes: [ALICE], ...plan.exchange })
  const cns = yield* makeCns(plan.cns)
  const authority = join(yield* temporaryDirectory, "authority.pem")
  if (plan.authority !== undefined) writeFileSync(authority, plan.authority)
  const installation = yield* makeInstallation({
    ENS_PUSH: "cns",
    ENS_CNS_URL: cns.url,
    ...(plan.authority === undefined ? {} : { ENS_EWS_CA_FILE: authority }),
    ...plan.settings
  })
  const url = plan.ewsUrl === undefined ? exchange.url : (plan.ewsUrl(exchange.url) ?? undefined)
  const apiToken = yield* installation.createToken(url, "default", plan.pins)
  const phone = (more: Partial<DeviceOptions> = {}) =>
    makeDevice({
      baseUrl: installation.baseUrl,
      apiToken,
      address: ALICE.address,
      login: { username: ALICE.address, password: ALICE.password },
      platform: "iOS",
      registersAgain: false,
      ...more
    })
  /** A file that only this test has. */
  const secret = (name: string, text: string): string => {
    const path = join(installation.directory, name)
    writeFileSync(path, text)
    return path
  }
  const mail = exchange.deliver({
    to: ALICE.address,
    from: "bob@example.com",
    fromName: "Bob Baker",
    subject: "Lunch?",
    body: "At noon"
  })
  return { exchange, cns, installation, apiToken, phone, secret, mail }
})

export type Stage = Effect.Effect.Success<ReturnType<typeof makeStage>>
