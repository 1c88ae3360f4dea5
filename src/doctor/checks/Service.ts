import { Effect } from "effect"
import { gatewayFault } from "../../../layers/push/GatewayFault.ts"
import { plainHttpTo } from "../../http/AdminReach.ts"
import { version } from "../../Instance.ts"
import type { Check } from "../Check.ts"
import { failed, faulty, faultyGateway, ok, skipped } from "../Finding.ts"
import { Patient } from "../Patient.ts"
import { listens } from "../RunningNode.ts"

/** What a running service says of itself: its troubles, gateways and what waits. */
export const service: Check = {
  name: "service",
  within: 15,
  network: false,
  run: (tell) =>
    Effect.gen(function* () {
      const { node, settings } = yield* Patient
      const open = plainHttpTo(settings)
      // Whether a firewall stands in front cannot be seen from here, so it is no fault by itself.
      if (open !== undefined) tell(skipped("admin listener", open))
      const runs = yield* node
      if (runs === undefined) {
        const where = `${settings.adminHost}:${settings.adminPort}`
        const why = (yield* listens(settings))
          ? `another program answers on ${where}, so that ens start would find its port taken; end it or set ENS_ADMIN_PORT`
          : `nobody answers on ${where}`
        return tell(skipped("service", `it does not run with these settings (${why})`))
      }
      const what = `ENS ${runs.version}, ${runs.role}${runs.subscriptions === undefined ? "" : `, ${runs.subscriptions} subscriptions`}`
      if (runs.ready) tell(ok("service", `${what}, ready`))
      else if (runs.role === "standby") tell(ok("service", `${what}; another node does the work`))
      else if (runs.storage === "unreachable")
        tell(faulty("service", "storage-down", "the service does not reach it"))
      else tell(failed("service", `${what}, not ready`, "see its log; it is starting or stopping"))
      if (runs.version !== version) {
        tell(
          failed(
            "service",
            `${runs.version} runs, and this is ${version}`,
            "restart the service, or use its own ens doctor"
          )
        )
      }
      for (const { fault, what, where } of runs.troubles) {
        tell(faultyGateway("service", fault, what, `${where}: `))
      }
      const told = new Set(runs.troubles.map(({ where }) => where))
      for (const { gateway, lastError, up, waiting = 0 } of runs.gateways) {
        if (up) tell(ok("service", `push gateway ${gateway} works, ${waiting} notifications wait`))
        else if (!told.has(gateway)) {
          tell(
            faultyGateway("service", gatewayFault(lastError ?? ""), lastError ?? "no answer", `${gateway}: `)
          )
        }
      }
      const { entries = 0, oldest = null } = runs.outbox ?? {}
      if (entries > 0)
        tell(ok("service", `${entries} notifications are kept in the outbox, the oldest since ${oldest}`))
    })
}
