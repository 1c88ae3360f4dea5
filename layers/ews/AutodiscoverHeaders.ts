/** Routes to the mailbox's server (FACTS section 6); a header holds no other characters. */
export const anchorHeader = (address: string): Readonly<Record<string, string>> =>
  /^[\x21-\x7e]{1,320}$/.test(address) ? { "x-anchormailbox": address } : {}
