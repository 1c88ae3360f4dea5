import { describe, expect, it } from "@effect/vitest"
import { failureOf, withoutValues } from "../../../../layers/storage/mssql/MssqlFailureOf.ts"
import {
  Fenced,
  isConnectionLoss,
  isFailover,
  isRetryable,
  isTransient,
  isUniqueViolation,
  MssqlFailure,
  surelyDidNotRun
} from "../../../../layers/storage/mssql/MssqlTrouble.ts"

const numbered = (number: number, severity = 16) =>
  new MssqlFailure({ message: "no", code: "EREQUEST", sent: true, number, class: severity, state: 1 })
const coded = (code: string, sent = true) => new MssqlFailure({ message: "no", code, sent })

const judged = (cause: unknown) => ({
  transient: isTransient(cause),
  retryable: isRetryable(cause),
  lost: isConnectionLoss(cause),
  didNotRun: surelyDidNotRun(cause)
})

describe("what SQL Server's failures mean", () => {
  it("a statement that was rolled back is repeated, on the same connection", () => {
    for (const number of [1205, 1222, 3960, 3961, 3966, 2801, 41302, 41839, 49918, 40501]) {
      expect(judged(numbered(number))).toEqual({
        transient: true,
        retryable: true,
        lost: false,
        didNotRun: true
      })
    }
  })

  it("a database that is elsewhere, or a broken session, wants another connection", () => {
    for (const number of [
      976, 978, 983, 4221, 40197, 40613, 596, 233, 64, 121, 10054, 3906, 3908, 921, 952, 955
    ]) {
      expect(judged(numbered(number))).toEqual({
        transient: true,
        retryable: true,
        lost: true,
        didNotRun: false
      })
      expect(isFailover(numbered(number))).toBe(true)
    }
    for (const code of ["ESOCKET", "ECONNRESET", "ECONNCLOSED", "EINVALIDSTATE", "ECLOSE"]) {
      expect(judged(coded(code))).toEqual({ transient: true, retryable: true, lost: true, didNotRun: false })
      expect(surelyDidNotRun(coded(code, false))).toBe(true)
    }
    expect(isConnectionLoss(numbered(3999, 20))).toBe(true)
  })

  it("what took too long may succeed later, and is not repeated at once", () => {
    for (const code of ["ETIMEOUT", "EBUSY"]) {
      expect(judged(coded(code))).toEqual({
        transient: true,
        retryable: false,
        lost: false,
        didNotRun: false
      })
    }
  })

  it("a server out of memory, locks or space, or a database that is closed, is asked again later", () => {
    for (const number of [701, 8645, 8651, 1204, 1105, 9002, 3959, 3967, 845, 926, 927, 942, 945, 924]) {
      expect(judged(numbered(number))).toEqual({
        transient: true,
        retryable: false,
        lost: false,
        didNotRun: false
      })
    }
  })

  it("a log-in that is refused may be a failover", () => {
    for (const number of [4060, 18456, 18401, 18451, 18461, 17142, 17197]) {
      expect(isFailover(numbered(number))).toBe(true)
      expect(isTransient(numbered(number))).toBe(true)
      expect(isRetryable(numbered(number))).toBe(false)
    }
  })

  it("a violated key is worth another try only to whom asks for it", () => {
    for (const number of [2627, 2601]) {
      expect(isUniqueViolation(numbered(number))).toBe(true)
      expect(isRetryable(numbered(number))).toBe(false)
      expect(isRetryable(numbered(number), true)).toBe(true)
      expect(isTransient(numbered(number))).toBe(false)
    }
  })

  it("a mistake, another node and a stranger's error are for ever", () => {
    for (const cause of [numbered(207), numbered(8134), new Fenced(), new Error("ESOCKET"), undefined]) {
      expect(judged(cause)).toEqual({ transient: false, retryable: false, lost: false, didNotRun: false })
    }
  })

  it("the first of several errors counts", () => {
    const one = Object.assign(new Error("first"), { code: "EREQUEST", number: 1205, class: 13, state: 5 })
    const failure = failureOf(new AggregateError([one, new Error("second")]), true)
    expect(failure).toMatchObject({ message: "first", number: 1205, class: 13, state: 5, sent: true })
  })

  it("values are cut out of their messages", () => {
    const secret = 'anna\'s "box" @example.com'
    for (const message of [
      `Violation of PRIMARY KEY constraint 'pk'. The duplicate key value is (${secret}, 1).`,
      `String or binary data would be truncated in table 't', column 'c'. Truncated value: '${secret}'.`,
      `Conversion failed when converting the nvarchar value '${secret}' to data type int.`,
      `invalid input syntax for type bigint: "${secret}"`,
      `value "${secret}" is out of range for type bigint`
    ]) {
      expect(withoutValues(message)).not.toMatch(/anna|box|example/)
      expect(withoutValues(message).length).toBeGreaterThan(8)
    }
  })
})
