// The expiration index of the memory store: which sessions are due, at a cost that follows what is due.
//
// A timing wheel. Entries lie in buckets by the time they end; a bucket is about 1/64 as wide as the entry is far away,
// so there are a few hundred buckets for any mix of durations. When a wide bucket comes due, its entries move to
// narrower ones, each at most once per halving of the distance. Lists are threaded through the entries themselves:
// adding, moving and removing are O(1) and allocate nothing per session.

/** What the index needs of an entry, and keeps in it. */
export interface Indexed {
  /** When the entry ends, epoch ms. Changed by `move`, or while it is not in the index. */
  dueAt: number;
  bucket: Bucket | null;
  previous: Indexed | null;
  next: Indexed | null;
}

export interface Bucket {
  readonly id: number;
  /** The earliest time that falls into it, epoch ms. */
  readonly start: number;
  /** When its entries are taken or moved on: for the narrowest when the last of them is due, else when the first may be. */
  readonly readyAt: number;
  /** The entry that has been here longest. */
  head: Indexed | null;
  tail: Indexed | null;
}

/** The narrowest bucket: 2^10 ms. */
const MIN_EXPONENT = 10;
/** A bucket is between 1/64 and 1/128 as wide as it was far away when it was chosen. */
const PRECISION = 6;
export class ExpiryIndex<Entry extends Indexed> {
  readonly #buckets = new Map<number, Bucket>();
  readonly #isExact: boolean;

  /**
   * @param isExact Whether `soonest` is asked for. Without it, an entry that is given a later end stays where it is until
   * that bucket comes due: a touch among a million sessions looks at one of them, and not at its neighbours too.
   */
  constructor(isExact = true) {
    this.#isExact = isExact;
  }

  add(entry: Entry, now: number): void {
    this.#link(entry, this.#bucketOf(entry.dueAt, now));
  }

  remove(entry: Entry): void {
    const { bucket, previous, next } = entry;
    if (bucket === null) return;
    if (previous === null) bucket.head = next;
    else previous.next = next;
    if (next === null) bucket.tail = previous;
    else next.previous = previous;
    entry.bucket = entry.previous = entry.next = null;
    if (bucket.head === null) this.#buckets.delete(bucket.id);
  }

  /** Gives an entry another end. */
  move(entry: Entry, dueAt: number, now: number): void {
    const isLater = dueAt >= entry.dueAt;
    entry.dueAt = dueAt;
    if (this.#isExact || !isLater) this.#file(entry, now);
  }

  /** Puts an entry where its end belongs. */
  #file(entry: Entry, now: number): void {
    const bucket = this.#bucketOf(entry.dueAt, now);
    if (bucket === entry.bucket) return;
    this.remove(entry);
    this.#link(entry, bucket);
  }

  /**
   * Takes entries that are due out of the index. Looks at `limit` entries at most, so that a caller can go on in
   * slices; `more` says that it should. What ended less than 1,024 ms ago may stay.
   */
  takeDue(now: number, limit: number): { due: Entry[]; more: boolean } {
    const due: Entry[] = [];
    let looks = 0;
    for (const bucket of this.#buckets.values()) {
      if (bucket.readyAt > now) continue;
      let entry = bucket.head as Entry | null;
      while (entry !== null) {
        if (looks++ === limit) return { due, more: true };
        const next = entry.next as Entry | null;
        if (entry.dueAt <= now) {
          this.remove(entry);
          due.push(entry);
        } else {
          this.#file(entry, now);
        }
        entry = next;
      }
    }
    return { due, more: false };
  }

  /** Where the index is exact: an entry of the first bucket, the one that has been in it longest: as good as the first to end. */
  soonest(): Entry | null {
    let first: Bucket | null = null;
    for (const bucket of this.#buckets.values())
      if (first === null || bucket.start < first.start) first = bucket;
    return (first?.head ?? null) as Entry | null;
  }

  #link(entry: Entry, bucket: Bucket): void {
    entry.bucket = bucket;
    entry.previous = bucket.tail;
    entry.next = null;
    if (bucket.tail === null) {
      bucket.head = entry;
      this.#buckets.set(bucket.id, bucket);
    } else {
      bucket.tail.next = entry;
    }
    bucket.tail = entry;
  }

  #bucketOf(dueAt: number, now: number): Bucket {
    const distance = Math.max(dueAt - now, 1);
    const exponent = Math.max(MIN_EXPONENT, Math.floor(Math.log2(distance)) - PRECISION);
    const width = 2 ** exponent;
    const start = Math.floor(dueAt / width) * width;
    // `start` is a multiple of 2^10, which leaves room for the exponent in the low six bits.
    const id = start / 16 + exponent;
    const readyAt = exponent === MIN_EXPONENT ? start + width : start;
    return this.#buckets.get(id) ?? { id, start, readyAt, head: null, tail: null };
  }
}
