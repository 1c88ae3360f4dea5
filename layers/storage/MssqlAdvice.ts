import { MssqlFailure } from "./mssql/MssqlTrouble.ts"
import { locationOf, type MssqlConfig } from "./mssql/MssqlUrl.ts"

/** One sentence about a database that could not be opened: which of the many reasons it is, and what to check. */
export const adviceOf = (config: MssqlConfig, cause: unknown): string => {
  const where = locationOf(config)
  if (!(cause instanceof MssqlFailure))
    return `${where}: ${cause instanceof Error ? cause.message : String(cause)}`
  const because = `(${cause.number === undefined ? cause.code : `error ${cause.number}`}: ${cause.message})`
  if (cause.number !== undefined && NO_DATABASE.has(cause.number))
    return `${where}: the server has no database ${config.database}, or the login may not use it; create it, or make the login's user a member of its db_owner ${because}`
  if ((cause.number !== undefined && NO_LOGIN.has(cause.number)) || cause.code === "ELOGIN")
    return `${where}: the server refused the login; check user and password in ENS_DATABASE_URL, and that the server allows SQL Server authentication (error ${cause.number ?? cause.code})`
  if (cause.number !== undefined && NO_RIGHT.has(cause.number))
    return `${where}: the login lacks a right; make its user a member of db_owner ${because}`
  if (/certificate|CERT|altname|SSL|TLS/i.test(`${cause.code} ${cause.message}`))
    return `${where}: the server's certificate is not trusted; give the authority that signed it (caFile=), the name in it (serverName=), or trustServerCertificate=true ${because}`
  if (cause.number === undefined)
    return `${where}: the server does not answer; check host and port, that it listens to TCP, and the firewall ${because}`
  return `${where} ${because}`
}

/** https://learn.microsoft.com/sql/relational-databases/errors-events/database-engine-events-and-errors */
const NO_DATABASE: ReadonlySet<number> = new Set([4060, 4063, 911, 916])
const NO_LOGIN: ReadonlySet<number> = new Set([18452, 18456, 18470, 18486, 18487, 18488])
const NO_RIGHT: ReadonlySet<number> = new Set([229, 230, 262, 297, 300, 1088, 2760])
