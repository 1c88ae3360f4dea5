export { host, instanceId, version } from "../layers/telemetry/Identity.ts"
