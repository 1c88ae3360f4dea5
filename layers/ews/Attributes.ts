/**
 * The attributes of an element, those without a prefix, in the order of the document. They are few, so that looking through
 * them costs less than a map.
 */
export class Attributes {
  readonly names: ReadonlyArray<string>
  /** Of the name at the same place. */
  readonly values: ReadonlyArray<string>

  constructor(names: ReadonlyArray<string>, values: ReadonlyArray<string>) {
    this.names = names
    this.values = values
  }

  get(name: string): string | undefined {
    const at = this.names.indexOf(name)
    return at < 0 ? undefined : this.values[at]
  }

  has(name: string): boolean {
    return this.names.includes(name)
  }
}

export const NO_ATTRIBUTES = new Attributes([], [])
