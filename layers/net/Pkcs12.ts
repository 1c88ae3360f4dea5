import { createDecipheriv, createPrivateKey, type KeyObject, pbkdf2Sync, X509Certificate } from "node:crypto"
import forge from "node-forge"
import {
  type Asn1Tree,
  childrenOf,
  derOf,
  nodeAt,
  numberOf,
  octetsOf,
  oidOf,
  parseTree,
  Type
} from "./Asn1Tree.ts"
import { checkRounds, LEGACY_ROUNDS_MAX, ROUNDS_MAX } from "./Pkcs12Rounds.ts"

/** What a PKCS#12 file holds (RFC 7292), as far as it is used here. */
export interface Pkcs12 {
  readonly keys: ReadonlyArray<KeyObject>
  readonly certificates: ReadonlyArray<X509Certificate>
}

/** A PKCS#12 file as a tree, its parts still encrypted; undefined if it is none. */
export const readPfx = (bytes: Buffer): Asn1Tree | undefined => {
  const tree = parseTree(bytes.toString("latin1"))
  const isPfx = tree?.type === Type.SEQUENCE && numberOf(nodeAt(tree, 0)) === 3
  return isPfx && oidOf(nodeAt(tree, 1, 0)) === DATA ? tree : undefined
}

/**
 * Decrypts a file of today (PBES2), with Node's arithmetic; undefined if it is encrypted in another way. Throws if the
 * password is wrong or the file damaged, and `TooManyRounds`.
 */
export const openModern = (pfx: Asn1Tree, password: string): Pkcs12 | undefined => {
  checkRounds(pfx, ROUNDS_MAX)
  const safes = partsOf(pfx).map((part) =>
    isPlain(part) ? octetsOf(nodeAt(part, 1, 0)) : decrypt(nodeAt(part, 1, 0, 1), password)
  )
  if (!safes.every((safe) => safe !== undefined)) return undefined
  const trees = safes.map(parsed)
  for (const tree of trees) checkRounds(tree, ROUNDS_MAX)
  const bags = trees.flatMap(childrenOf)
  const valuesOf = (id: string | undefined) =>
    bags.flatMap((bag) => (oidOf(nodeAt(bag, 0)) === id ? (nodeAt(bag, 1, 0) ?? []) : []))
  return {
    keys: [...valuesOf(oids["keyBag"]), ...valuesOf(oids["pkcs8ShroudedKeyBag"])].map((key) =>
      privateKeyOf(derOf(key), password)
    ),
    certificates: valuesOf(oids["certBag"]).map(
      (bag) => new X509Certificate(Buffer.from(octetsOf(nodeAt(bag, 1, 0)), "latin1"))
    )
  }
}

/**
 * Decrypts a file by node-forge, which knows what OpenSSL 3 has given up: RC2-40, as old Windows, macOS and Java wrote it.
 * Some 10 times slower. Throws if the password is wrong, or the file damaged, and `TooManyRounds`.
 */
export const openLegacy = (pfx: Asn1Tree, password: string): Pkcs12 => {
  checkRounds(pfx, LEGACY_ROUNDS_MAX)
  for (const part of partsOf(pfx)) {
    if (!isPlain(part)) checkRounds(decryptByForge(nodeAt(part, 1, 0, 1), password), LEGACY_ROUNDS_MAX)
  }
  const bags = forge.pkcs12
    .pkcs12FromAsn1(pfx, false, password)
    .safeContents.flatMap(({ safeBags }) => safeBags)
  return {
    // forge makes objects of RSA only, and leaves the rest as it is.
    keys: bags.flatMap((bag) =>
      bag.type === oids["keyBag"] || bag.type === oids["pkcs8ShroudedKeyBag"]
        ? bag.key
          ? createPrivateKey(forge.pki.privateKeyToPem(bag.key))
          : privateKeyOf(derOf(bag.asn1))
        : []
    ),
    certificates: bags.flatMap((bag) =>
      bag.type === oids["certBag"]
        ? new X509Certificate(bag.cert ? forge.pki.certificateToPem(bag.cert) : derOf(bag.asn1))
        : []
    )
  }
}

/** Wipes the bytes: those of a plain bag are the key itself. */
const privateKeyOf = (der: Buffer, password?: string): KeyObject => {
  try {
    const passphrase = password === undefined ? {} : { passphrase: password }
    return createPrivateKey({ key: der, format: "der", type: "pkcs8", ...passphrase })
  } finally {
    der.fill(0)
  }
}

const { oids } = forge.pki
const DATA = oids["data"]

const partsOf = (pfx: Asn1Tree) => childrenOf(parseTree(octetsOf(nodeAt(pfx, 1, 1, 0))) ?? pfx)
const isPlain = (part: Asn1Tree) => oidOf(nodeAt(part, 0)) === DATA

const parsed = (bytes: string): Asn1Tree => {
  const tree = parseTree(bytes)
  if (tree === undefined) throw new Error("decrypted into nothing that can be read")
  return tree
}

/** An EncryptedContentInfo (RFC 5652, 6.1), if it is encrypted by PBES2 (RFC 8018, 6.2). */
const decrypt = (info: Asn1Tree | undefined, password: string): string | undefined => {
  const [scheme, parameters] = [nodeAt(info, 1, 0), nodeAt(info, 1, 1)]
  const derivation = nodeAt(parameters, 0, 1)
  const cipher = CIPHERS.get(oidOf(nodeAt(parameters, 1, 0)))
  const prf = childrenOf(derivation ?? NOTHING).find(({ type }) => type === Type.SEQUENCE)
  const hash = prf === undefined ? "sha1" : HASHES.get(oidOf(nodeAt(prf, 0)))
  if (oidOf(scheme) !== oids["pkcs5PBES2"] || cipher === undefined || hash === undefined) return undefined
  const salt = Buffer.from(octetsOf(nodeAt(derivation, 0)), "latin1")
  const key = pbkdf2Sync(password, salt, numberOf(nodeAt(derivation, 1)), cipher.size, hash)
  const decipher = decipherOf(cipher.name, key, Buffer.from(octetsOf(nodeAt(parameters, 1, 1)), "latin1"))
  return decipher.update(octetsOf(nodeAt(info, 2)), "latin1", "latin1") + decipher.final("latin1")
}

/** Wipes the key, also if the file names a vector of a wrong length. */
const decipherOf = (name: string, key: Buffer, vector: Buffer) => {
  try {
    return createDecipheriv(name, key, vector)
  } finally {
    key.fill(0)
  }
}

/** forge decrypts single things only in the form of keys, which is the same but for the type in front. */
const decryptByForge = (info: Asn1Tree | undefined, password: string): Asn1Tree => {
  const { create, Class } = forge.asn1
  const encrypted = create(Class.UNIVERSAL, Type.OCTETSTRING, false, octetsOf(nodeAt(info, 2)))
  const key = create(Class.UNIVERSAL, Type.SEQUENCE, true, [nodeAt(info, 1) ?? NOTHING, encrypted])
  return forge.pki.decryptPrivateKeyInfo(key, password) ?? NOTHING
}

const NOTHING: Asn1Tree = forge.asn1.create(forge.asn1.Class.UNIVERSAL, Type.NULL, false, "")

const CIPHERS: ReadonlyMap<string, { readonly name: string; readonly size: number }> = new Map([
  ["2.16.840.1.101.3.4.1.2", { name: "aes-128-cbc", size: 16 }],
  ["2.16.840.1.101.3.4.1.22", { name: "aes-192-cbc", size: 24 }],
  ["2.16.840.1.101.3.4.1.42", { name: "aes-256-cbc", size: 32 }],
  ["1.2.840.113549.3.7", { name: "des-ede3-cbc", size: 24 }]
])

/** Of PBKDF2; SHA-1 goes without saying. */
const HASHES: ReadonlyMap<string, string> = new Map([
  ["1.2.840.113549.2.7", "sha1"],
  ["1.2.840.113549.2.9", "sha256"],
  ["1.2.840.113549.2.10", "sha384"],
  ["1.2.840.113549.2.11", "sha512"]
])
