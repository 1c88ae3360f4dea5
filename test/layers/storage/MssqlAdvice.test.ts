import { expect, it } from "@effect/vitest"
import { Either, Redacted } from "effect"
import { adviceOf } from "../../../layers/storage/MssqlAdvice.ts"
import { MssqlFailure } from "../../../layers/storage/mssql/MssqlTrouble.ts"
import { parseMssqlUrl } from "../../../layers/storage/mssql/MssqlUrl.ts"

const config = Either.getOrThrow(parseMssqlUrl(Redacted.make("mssql://operator:secret@db.example.com/ENS")))
const advice = (code: string, message: string, number?: number) =>
  adviceOf(config, new MssqlFailure({ message, code, number, sent: false }))

it("says what to check for each reason why a database cannot be opened", () => {
  const cases = [
    [advice("ELOGIN", "Cannot open database", 4060), /has no database ENS.*create it.*db_owner/],
    [advice("ELOGIN", "Login failed for user 'operator'.", 18456), /refused the login.*ENS_DATABASE_URL/],
    [advice("ELOGIN", "untrusted domain", 18452), /SQL Server authentication/],
    [advice("ESOCKET", "connect ECONNREFUSED"), /does not answer; check host and port/],
    [advice("ETIMEOUT", "no connection within 5000 ms"), /does not answer/],
    [advice("ESOCKET", "self-signed certificate"), /certificate is not trusted.*caFile=/],
    [advice("EREQUEST", "permission denied", 262), /lacks a right.*db_owner/],
    [advice("EREQUEST", "something else", 4711), /something else/],
    [adviceOf(config, new Error("no such file")), /no such file/]
  ] as const
  for (const [text, expected] of cases) {
    expect(text).toMatch(expected)
    expect(text).toContain("mssql://db.example.com:1433/ENS")
    expect(text).not.toMatch(/operator|secret/)
  }
})
