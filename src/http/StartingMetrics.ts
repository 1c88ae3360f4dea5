import { Effect, Metric } from "effect"
import { emailFetchFailed, mailsOutsideInbox } from "../../actors/jobs/FetchMetrics.ts"
import * as Supervisor from "../../actors/SupervisorMetrics.ts"
import * as WriteBehind from "../../actors/WriteBehindMetrics.ts"
import * as Ews from "../../layers/ews/TroubleMetrics.ts"
import { epochGauge, takeovers } from "../../layers/ownership/OwnershipMetrics.ts"
import { loopStalls } from "../../layers/telemetry/EventLoopMetrics.ts"
import { refusedWithoutCertificate } from "./ClientCertificates.ts"
import { guardAlarms } from "./HttpMetrics.ts"
import { limitRefusals } from "./Limits.ts"
import { payloadRefusals } from "./PayloadRefusals.ts"
import { handshakeFailures } from "./TlsHandshakes.ts"

/**
 * Shows metrics from the first scrape on that would begin with their first event. Prometheus sees no rise in a series that
 * begins with 1, so that no alert would tell of what happens once.
 */
export const showFromTheStart: Effect.Effect<void> = Effect.sync(() => {
  for (const metric of METRICS) metric.unsafeModify(0, [])
})

const METRICS = [
  Supervisor.crashes,
  Supervisor.restarts,
  Supervisor.parkings,
  Supervisor.brokenHooks,
  ...Object.values(Supervisor.refusals),
  Supervisor.circuitOpen,
  WriteBehind.refused,
  emailFetchFailed("rejected"),
  emailFetchFailed("sealed"),
  emailFetchFailed("other"),
  mailsOutsideInbox,
  Ews.hostsDown,
  Ews.hostsRefusingLogIns,
  Ews.throttled,
  Ews.refused("host"),
  Ews.refused("user"),
  Ews.refused("log-ins"),
  epochGauge,
  takeovers,
  loopStalls,
  guardAlarms,
  handshakeFailures,
  Metric.tagged(refusedWithoutCertificate, "kind", "callbacks"),
  Metric.tagged(refusedWithoutCertificate, "kind", "devices"),
  ...Object.values(limitRefusals),
  ...Object.values(payloadRefusals)
]
