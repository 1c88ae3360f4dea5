import { describe, expect, it } from "@effect/vitest"
import { Either, FastCheck, Redacted } from "effect"
import { locationOf, parseMssqlUrl } from "../../../../layers/storage/mssql/MssqlUrl.ts"

const parse = (url: string) => parseMssqlUrl(Redacted.make(url))
const read = (url: string) => Either.getOrThrow(parse(url))
const refused = (url: string) => Either.getOrThrow(Either.flip(parse(url)))

describe("ENS_DATABASE_URL of SQL Server", () => {
  it("says host, database and account, and has safe defaults", () => {
    const { password, ...rest } = read("mssql://ens:secret@db.example.com/ENS")
    expect(Redacted.value(password)).toBe("secret")
    expect(rest).toEqual({
      host: "db.example.com",
      port: 1433,
      database: "ENS",
      user: "ens",
      encrypt: true,
      trustServerCertificate: false,
      multiSubnetFailover: false,
      appName: "ENS",
      connectTimeout: 5000,
      requestTimeout: 5000,
      poolSize: 10
    })
  })

  it("takes its options whatever their case", () => {
    const config = read(
      "mssql://ens:secret@db:1500/ENS?Encrypt=strict&TRUSTSERVERCERTIFICATE=True&multiSubnetFailover=true&serverName=sql.example.com&caFile=/etc/ens/ca.pem&appName=ENS%202&connectTimeout=700&requestTimeout=800&poolSize=4"
    )
    expect(config).toMatchObject({
      port: 1500,
      encrypt: "strict",
      trustServerCertificate: true,
      multiSubnetFailover: true,
      serverName: "sql.example.com",
      caFile: "/etc/ens/ca.pem",
      appName: "ENS 2",
      connectTimeout: 700,
      requestTimeout: 800,
      poolSize: 4
    })
  })

  it("takes IPv6 addresses and named instances", () => {
    expect(read("mssql://ens:secret@[2001:db8::7]:1444/ENS")).toMatchObject({
      host: "2001:db8::7",
      port: 1444
    })
    expect(read("mssql://ens:secret@db/ENS?instance=PROD").instance).toBe("PROD")
    expect(refused("mssql://ens:secret@db:1433/ENS?instance=PROD")).toMatch(/not both/)
  })

  it("carries any characters in user, password and database", () => {
    const text = FastCheck.string({ unit: "grapheme", minLength: 1 })
    FastCheck.assert(
      FastCheck.property(text, text, text, (user, password, database) => {
        const [u, p, d] = [user, password, database].map(encodeURIComponent)
        const config = read(`mssql://${u}:${p}@db.example.com/${d === "." || d === ".." ? "x" : d}`)
        expect([config.user, Redacted.value(config.password)]).toEqual([user, password])
        if (d !== "." && d !== "..") expect(config.database).toBe(database)
      })
    )
  })

  it("is refused when a part is missing or not encoded", () => {
    for (const url of [
      "file:/var/lib/ens/ens.db",
      "mssql://",
      "mssql://db/ENS",
      "mssql://ens@db/ENS",
      "mssql://ens:secret@db",
      "mssql://ens:secret@db/",
      "mssql://ens:secret@db/ENS/more",
      "mssql://ens:sec#ret@db/ENS",
      "mssql://ens:100%@db/ENS",
      "mssql://ens:secret@db:99999/ENS",
      "mssql://ens:secret@db/ENS?encrypt=maybe",
      "mssql://ens:secret@db/ENS?encrypt=true&Encrypt=false",
      "mssql://ens:secret@db/ENS?poolSize=0",
      "mssql://ens:secret@db/ENS?caFile="
    ]) {
      expect(refused(url)).toMatch(/^ENS_DATABASE_URL must/)
      expect(refused(url)).not.toMatch(/secret|sec#ret|100%/)
    }
  })

  it("is refused with the name of an option that does not exist", () => {
    expect(refused("mssql://ens:secret@db/ENS?encript=true")).toContain("encript")
    expect(refused("mssql://ens:p?w0rd%4012=x@db/ENS")).not.toContain("w0rd")
    expect(refused("mssql://ens:secret@db/ENS?toString=1")).toContain("toString")
  })

  it("is refused when it asks for a replica that cannot be written to", () => {
    for (const option of ["readOnlyIntent=true", "applicationIntent=ReadOnly"]) {
      expect(refused(`mssql://ens:secret@db/ENS?${option}`)).toMatch(/ENS writes/)
    }
  })

  it("is told without user and password", () => {
    expect(locationOf(read("mssql://ens:secret@db:1500/ENS?encrypt=false"))).toBe("mssql://db:1500/ENS")
    expect(locationOf(read("mssql://ens:secret@[::1]/a%20b"))).toBe("mssql://[::1]:1433/a%20b")
    expect(locationOf(read("mssql://ens:secret@db/ENS?instance=PROD"))).toBe("mssql://db/ENS?instance=PROD")
  })
})
