import type { Check } from "./Check.ts"
import { dataDirectory } from "./checks/DataDirectory.ts"
import { exchangeHosts } from "./checks/ExchangeHosts.ts"
import { gateways } from "./checks/Gateways.ts"
import { keyPool } from "./checks/KeyPool.ts"
import { mailbox } from "./checks/Mailbox.ts"
import { masterKey } from "./checks/MasterKeyState.ts"
import { ownTls } from "./checks/OwnTls.ts"
import { publicUrl } from "./checks/PublicUrl.ts"
import { service } from "./checks/Service.ts"
import { storageState } from "./checks/StorageState.ts"
import { subscriptions } from "./checks/Subscriptions.ts"
import { tokens } from "./checks/Tokens.ts"

/** All checks that need settings, from what lies nearest to what lies farthest away. */
export const checks: ReadonlyArray<Check> = [
  dataDirectory,
  storageState,
  masterKey,
  tokens,
  keyPool,
  subscriptions,
  service,
  ownTls,
  publicUrl,
  exchangeHosts,
  mailbox,
  gateways
]
