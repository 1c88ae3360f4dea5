import { createHash } from "node:crypto"
import { readFileSync } from "node:fs"
import { Redacted } from "effect"
import { Connection, Request, TYPES } from "tedious"
import type { MssqlConfig } from "../../layers/storage/mssql/MssqlUrl.ts"
import { DOSSIER, PAGE, type PlainStore, type Registration } from "./PlainStore.ts"

/** Bare `tedious` on as many connections as ENS has. */
export const openMssql = async (config: MssqlConfig): Promise<PlainStore> => {
  const lines = await Promise.all(Array.from({ length: config.poolSize }, () => connect(config)))
  const [line] = lines as [Connection]
  /** Does the work on all connections, each taking the next piece when it has done one. */
  const spread = async <A>(
    pieces: ReadonlyArray<A>,
    work: (line: Connection, piece: A) => Promise<unknown>
  ) => {
    const left = pieces.values()
    const drain = async (line: Connection) => {
      for (const piece of left) await work(line, piece)
    }
    await Promise.all(lines.map(drain))
  }
  return {
    driver: "tedious",
    page: async (after, limit) => {
      const text = `${PAGE} @after ORDER BY s.user_no OFFSET 0 ROWS FETCH NEXT ${limit} ROWS ONLY`
      const rows = await run(line, text, { after })
      return { rows: rows.length, last: Number(rows.at(-1)?.["user_no"]?.value ?? 0) }
    },
    dossiers: (users) => spread(users, (line, u) => run(line, `${DOSSIER} @u ORDER BY d.device_no`, { u })),
    hot: async (batch) => {
      const json = JSON.stringify(
        batch.map(({ generation, hot, user }) => ({
          u: Number(user),
          g: generation,
          w: hot.watermark,
          h: hot.lastHeard,
          r: hot.unread,
          b: hot.badge,
          l: Buffer.from(hot.ledger).toString("hex")
        }))
      )
      await run(line, HOT, { json })
    },
    register: (batch) => spread(batch, (line, registration) => run(line, REGISTER, valuesOf(registration))),
    bytes: () =>
      run(line, "SELECT SUM(reserved_page_count) * 8192 AS bytes FROM sys.dm_db_partition_stats", {}).then(
        (rows) => Number(rows[0]?.["bytes"]?.value),
        () => undefined
      ),
    close: () => {
      for (const each of lines) each.close()
    }
  }
}

const HOT = `
  UPDATE hot_states SET watermark = x.w, last_heard = x.h, unread = x.r, badge = x.b,
    ledger = CONVERT(VARBINARY(MAX), x.l, 2)
  FROM OPENJSON(@json) WITH (u BIGINT '$.u', g BIGINT '$.g', w NVARCHAR(400) '$.w', h BIGINT '$.h', r BIGINT '$.r',
    b BIGINT '$.b', l VARCHAR(2000) '$.l') x
  WHERE hot_states.user_no = x.u AND hot_states.generation <= x.g`

const REGISTER = `
  BEGIN TRANSACTION;
  UPDATE users SET fingerprint = @print, last_device_no = 1 WHERE user_no = @u;
  INSERT INTO subscriptions (user_no, generation, subscription_id, ews_url, exchange_version, auth_type, subscribed_at,
    form, link, link_since, nudges)
  VALUES (@u, 1, @id, @url, @version, @auth, @at, @form, N'Unconfirmed', @at, 0);
  INSERT INTO hot_states (user_no, generation, watermark, last_heard, unread, ledger) VALUES (@u, 1, @mark, @at, @unread, 0x);
  INSERT INTO devices (user_no, token, token_hash, device_no, platform, bundle_id, policy, environment, registered_at, seen_at)
  VALUES (@u, @token, @hash, 1, @platform, @bundle, @policy, @environment, @at, @at);
  COMMIT`

const valuesOf = ({ device, fingerprint, subscribed }: Registration) => ({
  u: Number(subscribed.user),
  print: fingerprint,
  id: subscribed.subscriptionId,
  url: subscribed.ewsUrl,
  version: subscribed.exchangeVersion,
  auth: subscribed.authType,
  at: subscribed.subscribedAt,
  form: subscribed.form,
  mark: subscribed.watermark,
  unread: subscribed.unread,
  token: device.token,
  hash: createHash("sha256").update(device.token, "utf16le").digest(),
  platform: device.platform,
  bundle: device.bundleId,
  policy: device.policy,
  environment: device.environment
})

const connect = (config: MssqlConfig): Promise<Connection> =>
  new Promise((resolve, reject) => {
    const ca = config.caFile === undefined ? {} : { ca: readFileSync(config.caFile, "utf8") }
    const connection = new Connection({
      server: config.host,
      authentication: {
        type: "default",
        options: { userName: config.user, password: Redacted.value(config.password) }
      },
      options: {
        ...(config.instance === undefined ? { port: config.port } : { instanceName: config.instance }),
        database: config.database,
        encrypt: config.encrypt,
        trustServerCertificate: config.trustServerCertificate,
        cryptoCredentialsDetails: ca,
        ...(config.serverName === undefined ? {} : { serverName: config.serverName }),
        requestTimeout: 60_000,
        rowCollectionOnRequestCompletion: true,
        useColumnNames: true
      }
    })
    connection.connect((error) => (error ? reject(error) : resolve(connection)))
  })

type Rows = ReadonlyArray<Readonly<Record<string, { readonly value: unknown } | undefined>>>

const run = (line: Connection, text: string, values: Readonly<Record<string, unknown>>): Promise<Rows> =>
  new Promise((resolve, reject) => {
    const request = new Request(text, (error, _count, rows) =>
      error ? reject(error) : resolve(rows as Rows)
    )
    for (const [name, value] of Object.entries(values)) request.addParameter(name, typeOf(value), value)
    line.execSql(request)
  })

const typeOf = (value: unknown) =>
  typeof value === "number" ? TYPES.BigInt : value instanceof Uint8Array ? TYPES.VarBinary : TYPES.NVarChar
