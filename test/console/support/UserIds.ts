import { createHash } from "node:crypto"

/** As the contract says: SHA-256 of the trimmed, lower-cased address. */
export const userIdOfAddress = (address: string) =>
  createHash("sha256").update(address.trim().toLowerCase(), "utf8").digest("hex")
