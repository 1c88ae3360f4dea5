import { Schema } from "effect"

/** Values of `t:RequestServerVersion/@Version` in the schema's order, without the two that were never released. */
export const VERSIONS = [
  "Exchange2007",
  "Exchange2007_SP1",
  "Exchange2010",
  "Exchange2010_SP1",
  "Exchange2010_SP2",
  "Exchange2013",
  "Exchange2013_SP1",
  "Exchange2015",
  "Exchange2016",
  "V2015_10_05",
  "V2016_01_06",
  "V2016_04_13",
  "V2016_07_13",
  "V2016_10_10",
  "V2017_01_07",
  "V2017_04_14",
  "V2017_07_11"
] as const
export type Version = (typeof VERSIONS)[number]

/** Servers that the stand-in can play. */
export const ServerName = Schema.Literal(
  "2007_SP1",
  "2010",
  "2010_SP1",
  "2010_SP2",
  "2010_SP3",
  "2013",
  "2013_SP1",
  "2016",
  "2019",
  "SE"
)
export type ServerName = typeof ServerName.Type

/** A release of Exchange, as it tells of itself. */
export interface ServerRelease {
  /** Major, minor, build, revision. */
  readonly build: readonly [number, number, number, number]
  /** Its `ServerVersionInfo/@Version`. */
  readonly label: string
  /** The newest schema that it knows. */
  readonly newest: Version
}

/** What is known of a release. */
export const releaseOf = (name: ServerName): ServerRelease => RELEASES[name]

/** The schema versions that a release knows, oldest first. */
export const versionsOf = (release: ServerRelease): ReadonlyArray<Version> =>
  VERSIONS.slice(0, VERSIONS.indexOf(release.newest) + 1)

/** Whether `version` is `other` or newer; a name that nobody knows is not. */
export const isAtLeast = (version: string, other: Version): boolean =>
  VERSIONS.indexOf(version as Version) >= VERSIONS.indexOf(other)

const RELEASES: Readonly<Record<ServerName, ServerRelease>> = {
  "2007_SP1": { build: [8, 1, 240, 5], label: "Exchange2007_SP1", newest: "Exchange2007_SP1" },
  "2010": { build: [14, 0, 639, 21], label: "Exchange2010", newest: "Exchange2010" },
  "2010_SP1": { build: [14, 1, 218, 15], label: "Exchange2010_SP1", newest: "Exchange2010_SP1" },
  "2010_SP2": { build: [14, 2, 247, 5], label: "Exchange2010_SP2", newest: "Exchange2010_SP2" },
  "2010_SP3": { build: [14, 3, 123, 4], label: "Exchange2010_SP2", newest: "Exchange2010_SP2" },
  "2013": { build: [15, 0, 516, 32], label: "Exchange2013", newest: "Exchange2013" },
  "2013_SP1": { build: [15, 0, 847, 32], label: "V2_23", newest: "Exchange2013_SP1" },
  "2016": { build: [15, 1, 2507, 39], label: "V2017_07_11", newest: "V2017_07_11" },
  "2019": { build: [15, 2, 1118, 7], label: "V2017_07_11", newest: "V2017_07_11" },
  SE: { build: [15, 2, 2562, 17], label: "V2017_07_11", newest: "V2017_07_11" }
}
