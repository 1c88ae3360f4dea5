/**
 * The causes of trouble that somebody can mend. The log (field `fault`), `ens doctor`, the console and
 * docs/troubleshooting.md call each by the same name, so that one leads to the other. A name never changes.
 */
export type FaultName = keyof typeof FAULTS

/** What is to be known of a cause, whatever the case. */
export interface Fault {
  /** The cause, in a few words; begins a line. */
  readonly title: string
  /** What to do, in one sentence without a full stop. */
  readonly cure: string
}

const FAULTS = {
  "api-token-unknown": {
    title: "unknown API token",
    cure: "compare ENSAPIToken in the app's profile with ens token list, or make a new one with ens token create"
  },
  "ews-url-wrong": {
    title: "this is not EWS",
    cure: "correct the EWS URL (EWSUrl in the profile, ens token create --ews-url); it usually ends in /EWS/Exchange.asmx"
  },
  "ews-url-not-allowed": {
    title: "the EWS URL is not allowed",
    cure: "add it with ens token create --ews-url, or its host to ENS_EWS_ALLOWED_HOSTS"
  },
  "exchange-log-in-refused": {
    title: "Exchange refuses the log-in (401)",
    cure: "check user name, password, domain or token, and which log-ins the EWS directory offers"
  },
  "exchange-forbids-ews": {
    title: "Exchange forbids EWS for the user (403)",
    cure: "check EWSEnabled, EwsApplicationAccessPolicy and the client access rules of the mailbox"
  },
  "autodiscover-missing": {
    title: "Autodiscover is not found",
    cure: "make autodiscover.<domain> resolve to Exchange, set ENS_AUTODISCOVER_URLS, or list the EWS URL with ens token create --ews-url"
  },
  "certificate-not-trusted": {
    title: "the server's certificate is not trusted",
    cure: "install the whole chain there, or name the authority in ENS_EWS_CA_FILE (ENS_CNS_CA_FILE for CNS)"
  },
  "pin-mismatch": {
    title: "the server's certificate is not the pinned one",
    cure: "if the change is intended, pin the new one (ens token create --ews-pin, ens pin add); else somebody stands in between"
  },
  "exchange-unreachable": {
    title: "Exchange cannot be reached",
    cure: "check DNS, firewall and proxy between ENS and this host"
  },
  "exchange-refuses": {
    title: "Exchange refuses the call",
    cure: "see the response code; the mailbox, its throttling policy or its server has to be corrected"
  },
  "exchange-busy": {
    title: "Exchange is busy",
    cure: "ENS waits as it is asked to; if it goes on, look at the throttling policy and the load of Exchange"
  },
  "seg-blocks-device": {
    title: "the Secure Email Gateway does not let the device pass",
    cure: "check the device's compliance and enrolment in the UEM console"
  },
  "callbacks-missing": {
    title: "Exchange never calls back",
    cure: "make ENS_PUBLIC_URL reachable from Exchange, with a certificate that Exchange trusts"
  },
  "subscription-lost": {
    title: "the subscription is lost",
    cure: "the user has to open the mail app, which registers again"
  },
  "gateway-log-in-refused": {
    title: "the push gateway refuses our log-in",
    cure: "renew the certificate, key or account of the gateway"
  },
  "gateway-down": {
    title: "the push gateway is down",
    cure: "check the gateway's address, the proxy and the firewall; what waits is sent when it returns"
  },
  "storage-down": {
    title: "storage is away",
    cure: "check the database server, or disk space and rights of the data directory"
  },
  "key-pool-empty": {
    title: "no RSA keys are left in the pool",
    cure: "registrations wait while keys are made; raise ENS_KEYPOOL_THRESHOLD and ENS_KEYPOOL_BATCH before a roll-out"
  },
  "clock-skew": {
    title: "the clocks differ",
    cure: "synchronise this machine's clock (NTP), and the other one's"
  },
  "certificate-expiring": {
    title: "a certificate or key expires",
    cure: "renew it before that day; the listener's files are read anew by themselves, those of gateways at the next start"
  },
  "payload-refusals": {
    title: "many registration payloads cannot be used",
    cure: "if the database has not been restored, see in the log which user and sender is behind it; replace an API token that strangers know"
  },
  overload: {
    title: "ENS is overloaded",
    cure: "give it more processor time, or look for what keeps it busy in the log"
  }
} as const satisfies Readonly<Record<string, Fault>>

export const faultOf = (name: FaultName): Fault => FAULTS[name]

/** All names, in the order of docs/troubleshooting.md. */
export const FAULT_NAMES = Object.keys(FAULTS) as ReadonlyArray<FaultName>
