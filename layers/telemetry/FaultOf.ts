import type { EwsError, EwsUnreachable, EwsUnusable } from "../../schemas/EwsError.ts"
import type { FaultName } from "../../schemas/Fault.ts"
import type { StorageError } from "../../schemas/StorageError.ts"
import type { EwsUrlNotAllowed, EwsUrlUnknown } from "../ews/EndpointPolicy.ts"
import type { Report } from "./Troubles.ts"

/** Expected failures that somebody can mend. */
export type Mendable = EwsError | EwsUrlNotAllowed | EwsUrlUnknown | StorageError

/** The place of storage's troubles. */
export const STORAGE = "storage"

/**
 * What a failure is to be reported as: cause, place and case. undefined: it is no trouble of its own, because whoever found
 * it out has reported it, or it passes by itself.
 */
export const troubleOf = (error: Mendable): Report | undefined => {
  const fault = faultOfError(error)
  return fault && { fault, where: whereOf(error), what: error.message }
}

/** The cause alone. */
export const faultOfError = (error: Mendable): FaultName | undefined => {
  switch (error._tag) {
    case "EwsUnauthorized":
      return "exchange-log-in-refused"
    case "EwsForbidden":
      return "exchange-forbids-ews"
    case "EwsBlocked":
      return "seg-blocks-device"
    case "EwsBusy":
      return busy(error.responseCode)
    case "EwsRefused":
      return "exchange-refuses"
    case "EwsUnreachable":
      return unreachable(error)
    case "EwsTimeout":
      return "exchange-busy"
    case "EwsUnusable":
      return unusable(error)
    case "EwsUrlNotAllowed":
      return "ews-url-not-allowed"
    case "EwsUrlUnknown":
      return "autodiscover-missing"
    case "StorageError":
      return error.transient ? "storage-down" : undefined
  }
}

const whereOf = (error: Mendable): string => {
  switch (error._tag) {
    case "StorageError":
      return STORAGE
    case "EwsUrlUnknown":
      return "Autodiscover"
    default:
      return error.host
  }
}

/** Calls that were not made because the host is down, or refuses everybody, are not another trouble. */
const busy = (responseCode: string): FaultName | undefined =>
  responseCode.startsWith("down: ") || responseCode.startsWith("refuses log-ins")
    ? undefined
    : "exchange-busy"

const unreachable = ({ kind }: EwsUnreachable): FaultName => faultOfKind(kind)

/** Why a connection to a host failed, by its kind. */
export const faultOfKind = (kind: EwsUnreachable["kind"]): FaultName => {
  switch (kind) {
    case "certificate":
      return "certificate-not-trusted"
    case "pin":
      return "pin-mismatch"
    case "client certificate":
      return "exchange-log-in-refused"
    case "address":
      return "ews-url-not-allowed"
    default:
      return "exchange-unreachable"
  }
}

/** A page of a server that fails is none of a wrong place. */
const unusable = ({ status }: EwsUnusable): FaultName =>
  status >= 500 ? "exchange-refuses" : "ews-url-wrong"
