import {
  createCipheriv,
  createDecipheriv,
  createHmac,
  createSecretKey,
  hash,
  randomBytes,
  timingSafeEqual
} from "node:crypto"
import { readFileSync } from "node:fs"
import { createServer, type IncomingMessage, type ServerResponse } from "node:http"
import type { AddressInfo } from "node:net"
import { SaxesParser } from "saxes"
import { Pool } from "undici"
import { MESSAGES, SOAP_11, TYPES } from "../../layers/ews/SoapReader.ts"
import { serveBench } from "./BenchServer.ts"
import { credentialsOf, type MailWorld } from "./MailWorld.ts"
import { type Credentials, exchangeClient } from "./PlainExchange.ts"
import { addressOf, devicesOf, platformOf, tokenOf } from "./Population.ts"

/**
 * The way of a mail as one plain script, without Effect, by somebody who knows the trade: callback, MAC, SOAP, log-in out
 * of the URL, GetItem, notifications to the gateway, `OK`. What it leaves out: actors, storage, ledger, outbox, limits,
 * deadlines, retries, badges in order, throttling, metrics, logs. The argument is a file that holds the `MailWorld`.
 */
const world: MailWorld = JSON.parse(readFileSync(process.argv[2]!, "utf8"))
const exchange = exchangeClient(world)
const gatewayUrl = new URL(world.gatewayUrl)
const gateway = new Pool(gatewayUrl.origin, { connections: 16, pipelining: 1 })

const macKey = createSecretKey(randomBytes(32))
const sealKey = createSecretKey(randomBytes(32))
/** What does not fit into a URL: ciphertext, whose key is in the URL. */
const kept = new Map<string, Buffer>()

interface User {
  readonly id: string
  readonly hash: string
  readonly devices: ReadonlyArray<{ readonly token: string; readonly platform: "iOS" | "Android" }>
}

const users = new Map<string, User>()

const encrypt = (key: Parameters<typeof createCipheriv>[1], id: string, plain: Buffer): Buffer => {
  const nonce = randomBytes(12)
  const cipher = createCipheriv("aes-256-gcm", key, nonce).setAAD(Buffer.from(id))
  return Buffer.concat([nonce, cipher.update(plain), cipher.final(), cipher.getAuthTag()])
}

const decrypt = (key: Parameters<typeof createDecipheriv>[1], id: string, sealed: Buffer): Buffer => {
  const decipher = createDecipheriv("aes-256-gcm", key, sealed.subarray(0, 12))
  decipher.setAAD(Buffer.from(id)).setAuthTag(sealed.subarray(-16))
  return Buffer.concat([decipher.update(sealed.subarray(12, -16)), decipher.final()])
}

const macOf = (id: string, f: string) =>
  createHmac("sha256", macKey).update(`${id}|${f}`).digest().subarray(0, 16)

const targetOf = (index: number): string => {
  const id = String(index + 1)
  users.set(id, {
    id,
    hash: hash("sha256", addressOf(index)),
    devices: Array.from({ length: devicesOf(index) }, (_, at) => ({
      token: tokenOf(index, at + 1),
      platform: platformOf(at + 1)
    }))
  })
  const plain = Buffer.from(JSON.stringify(credentialsOf(world, index)))
  let f = encrypt(sealKey, id, plain).toString("base64url")
  if (f.length > 1_800) {
    const once = randomBytes(32)
    kept.set(id, encrypt(once, id, plain))
    f = encrypt(sealKey, id, once).toString("base64url")
  }
  return `/MailNotificationService/api/ens/pushnotificationlistener?id=${id}&f=${f}&s=${macOf(id, f).toString("base64url")}`
}

const credentialsIn = (id: string, f: string): Credentials => {
  const opened = decrypt(sealKey, id, Buffer.from(f, "base64url"))
  const ciphertext = kept.get(id)
  return JSON.parse((ciphertext === undefined ? opened : decrypt(opened, id, ciphertext)).toString())
}

/** New mails of a callback, and the unread count of the Inbox if it is told. */
const readCallback = (body: string) => {
  const items = new Set<string>()
  let unread: number | undefined
  let event = ""
  let text = ""
  const parser = new SaxesParser({ xmlns: true, position: false })
  parser.on("opentag", ({ attributes, local, uri }) => {
    text = ""
    if (uri !== TYPES) return
    if (local.endsWith("Event")) event = local
    else if (local === "ItemId" && (event === "NewMailEvent" || event === "CreatedEvent")) {
      items.add(attributes["Id"]!.value)
    }
  })
  parser.on("text", (more) => {
    text += more
  })
  parser.on("closetag", ({ local }) => {
    if (local === "UnreadCount") unread = Number(text)
  })
  parser.write(body).close()
  return { items: [...items], unread }
}

const notificationsFor = (user: User, mails: ReadonlyArray<Mail>, badge: number | undefined) =>
  mails.flatMap((mail) =>
    user.devices.map(({ platform, token }, at) => ({
      id: hash("sha256", `${user.hash}|${at}|${mail.itemId}`, "base64url"),
      deviceToken: token,
      deviceType: platform,
      bundleId: "com.example.mail",
      priority: "high",
      payload:
        platform === "iOS"
          ? {
              aps: {
                alert: { title: mail.sender, subtitle: mail.subject },
                badge,
                sound: "default",
                "mutable-content": 1
              },
              ens: { action: "newMail", userId: user.hash, messageId: mail.itemId }
            }
          : {
              action: "newMail",
              userId: user.hash,
              messageId: mail.itemId,
              title: mail.sender,
              subtitle: mail.subject
            }
    }))
  )

type Mail = Awaited<ReturnType<ReturnType<typeof exchangeClient>>>[number]

const notify = async (user: User, mails: ReadonlyArray<Mail>, badge: number | undefined): Promise<void> => {
  const response = await gateway.request({
    method: "POST",
    path: gatewayUrl.pathname,
    headers: { "content-type": "application/json; charset=utf-8", accept: "application/json" },
    body: JSON.stringify({ notifications: notificationsFor(user, mails, badge) })
  })
  const answer = await response.body.json()
  const isTaken = answer !== null && typeof answer === "object" && "status" in answer
  if (response.statusCode !== 200 || !isTaken || answer.status !== "success") throw new Error("not taken")
}

const handle = async (target: string, body: string): Promise<string> => {
  const query = new URLSearchParams(target.slice(target.indexOf("?")))
  const id = query.get("id") ?? ""
  const f = query.get("f") ?? ""
  const given = Buffer.from(query.get("s") ?? "", "base64url")
  const expected = macOf(id, f)
  if (given.length !== expected.length || !timingSafeEqual(given, expected)) return UNSUBSCRIBE
  const user = users.get(id)
  if (user === undefined) return UNSUBSCRIBE
  const { items, unread } = readCallback(body)
  if (items.length === 0) return OK
  const mails = await exchange(credentialsIn(id, f), items)
  await notify(
    user,
    mails.filter(({ isRead }) => !isRead),
    unread
  )
  return OK
}

const status = (text: string) =>
  `<?xml version="1.0" encoding="utf-8"?><s:Envelope xmlns:s="${SOAP_11}"><s:Body><SendNotificationResult xmlns="${MESSAGES}"><SubscriptionStatus>${text}</SubscriptionStatus></SendNotificationResult></s:Body></s:Envelope>`
const OK = status("OK")
const UNSUBSCRIBE = status("Unsubscribe")

const listener = (request: IncomingMessage, response: ServerResponse) => {
  const chunks: Array<Buffer> = []
  request.on("data", (chunk: Buffer) => chunks.push(chunk))
  request.on("end", () => {
    handle(request.url ?? "", Buffer.concat(chunks).toString()).then(
      (answer) => {
        response.writeHead(200, {
          "content-type": "text/xml; charset=utf-8",
          "content-length": Buffer.byteLength(answer)
        })
        response.end(answer)
      },
      (error: unknown) => {
        process.stderr.write(`${String(error)}\n`)
        response.writeHead(503, { "content-length": 0 }).end()
      }
    )
  })
}

const targets = Array.from({ length: world.users }, (_, index) => targetOf(index))
const server = createServer(listener)
server.listen(0, "127.0.0.1", () => serveBench((server.address() as AddressInfo).port, targets))
