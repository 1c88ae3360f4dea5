/** Something that is due at a time. */
export interface Timed {
  readonly time: number
}

/** A binary heap by time: the earliest is at hand, adding and removing it cost log(size). */
export class SlotHeap<T extends Timed> {
  private readonly items: Array<T> = []

  get size(): number {
    return this.items.length
  }

  /** The earliest, which stays. */
  peek(): T | undefined {
    return this.items[0]
  }

  push(item: T): void {
    let at = this.items.length
    this.items.push(item)
    while (at > 0) {
      const parent = (at - 1) >> 1
      if (this.items[parent]!.time <= item.time) break
      this.items[at] = this.items[parent]!
      at = parent
    }
    this.items[at] = item
  }

  /** Removes the earliest. */
  pop(): T | undefined {
    const first = this.items[0]
    const last = this.items.pop()
    if (first === undefined || last === undefined || this.items.length === 0) return first
    let at = 0
    for (;;) {
      let child = 2 * at + 1
      if (child >= this.items.length) break
      if (child + 1 < this.items.length && this.items[child + 1]!.time < this.items[child]!.time) child++
      if (this.items[child]!.time >= last.time) break
      this.items[at] = this.items[child]!
      at = child
    }
    this.items[at] = last
    return first
  }
}
