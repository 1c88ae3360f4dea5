import { existsSync, statSync } from "node:fs"
import { resolve } from "node:path"
import { Effect, Either, Redacted } from "effect"
import { readKey as readApnsKey } from "../../layers/push/ApnsKeys.ts"
import * as CnsCertificate from "../../layers/push/CnsCertificate.ts"
import * as FcmServiceAccount from "../../layers/push/FcmServiceAccount.ts"
import { webUrl } from "../config/Parse.ts"
import { readIdentity } from "../http/TlsIdentity.ts"
import * as InitConfigFile from "./InitConfigFile.ts"

/** Checks of the wizard's answers: what is kept of the text, or what is wrong with it. */
export type Check = (text: string) => Effect.Effect<string, string>

export const publicUrl: Check = (text) =>
  Either.match(webUrl(text.trim()), {
    onLeft: (must) => Effect.fail(`It ${must}, like https://ens.example.com`),
    onRight: () => Effect.succeed(text.trim())
  })

export const listener: Check = (text) => {
  const [, host = "", port = ""] = /^\s*(\[[\da-f:]+\]|[^\s:]+):(\d{1,5})\s*$/i.exec(text) ?? []
  return host !== "" && Number(port) > 0 && Number(port) < 65_536
    ? Effect.succeed(`${host}:${port}`)
    : Effect.fail("Like 0.0.0.0:8443: an address of this machine, and a port")
}

/** Host and port of what `listener` has taken. */
export const hostAndPort = (text: string): readonly [host: string, port: string] => {
  const at = text.lastIndexOf(":")
  return [text.slice(0, at).replace(/^\[|\]$/g, ""), text.slice(at + 1)]
}

export const directory: Check = (text) => {
  const path = resolve(text.trim())
  return text.trim() === ""
    ? Effect.fail("A directory, like data")
    : existsSync(path) && !statSync(path).isDirectory()
      ? Effect.fail(`${path} is a file`)
      : Effect.succeed(path)
}

/** Empty, or a host name. */
export const exchangeHost =
  (urlOf: (host: string) => Effect.Effect<string, unknown>): Check =>
  (text) =>
    text.trim() === ""
      ? Effect.succeed("")
      : Effect.mapBoth(urlOf(text), {
          onFailure: () => "A host name like mail.example.com, or nothing",
          onSuccess: () => text.trim()
        })

export const file: Check = (text) => {
  const path = resolve(text.trim())
  return text.trim() === ""
    ? Effect.fail("The path of a file")
    : existsSync(path) && statSync(path).isFile()
      ? Effect.succeed(path)
      : Effect.fail(`There is no file ${path}`)
}

export const newConfigFile: Check = (text) => {
  const path = resolve(text.trim())
  const problem = text.trim() === "" ? "A name, like ens.json" : InitConfigFile.problemOf(path)
  return problem === undefined ? Effect.succeed(path) : Effect.fail(problem)
}

export const matches =
  (form: RegExp, hint: string): Check =>
  (text) =>
    form.test(text.trim()) ? Effect.succeed(text.trim()) : Effect.fail(hint)

/** A password that opens the server's PKCS#12 file. */
export const pfxPassword =
  (path: string): Check =>
  (text) =>
    readIdentity({
      certFile: undefined,
      keyFile: undefined,
      pfxFile: path,
      pfxPassword: text === "" ? undefined : Redacted.make(text),
      minVersion: "1.2",
      clientCaFile: undefined,
      clientAuth: "off"
    }).pipe(Effect.mapBoth({ onFailure: ({ message }) => message, onSuccess: () => text }))

/** A key that belongs to the certificate. */
export const tlsKey =
  (certFile: string): Check =>
  (text) =>
    Effect.flatMap(file(text), (keyFile) =>
      readIdentity({
        certFile,
        keyFile,
        pfxFile: undefined,
        pfxPassword: undefined,
        minVersion: "1.2",
        clientCaFile: undefined,
        clientAuth: "off"
      }).pipe(Effect.mapBoth({ onFailure: ({ message }) => message, onSuccess: () => keyFile }))
    )

/** The CNS certificate that this password opens. */
export const cnsCertificate = (path: string, password: string) =>
  CnsCertificate.read({
    file: path,
    password: Redacted.make(password),
    setting: "The answer",
    passwordSetting: "the password"
  }).pipe(Effect.mapError(({ problem }) => problem))

export const cnsPassword =
  (path: string): Check =>
  (text) =>
    Effect.as(cnsCertificate(path, text), text)

/** Apple's key (.p8). */
export const apnsKey: Check = (text) =>
  Effect.flatMap(file(text), (path) =>
    Effect.mapBoth(readApnsKey(path), { onFailure: ({ problem }) => problem, onSuccess: () => path })
  )

/** Google's service account. */
export const serviceAccount: Check = (text) =>
  Effect.flatMap(file(text), (path) =>
    Effect.mapBoth(FcmServiceAccount.read({ serviceAccountFile: path, endpoint: undefined }), {
      onFailure: ({ problem }) => problem,
      onSuccess: () => path
    })
  )
