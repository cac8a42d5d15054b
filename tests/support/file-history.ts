// Judges what several processes did to a store at the same time: from the operations with their times and answers alone,
// it tells whether any answer contradicts a store that does one thing after the other.
import { readFileSync } from 'node:fs';

/** A record as somebody saw it. */
export interface Seen {
  readonly version: string;
  /** Its end, epoch ms. */
  readonly to: number;
  /** Whole, and of one write. */
  readonly sound: boolean;
}

export interface Event {
  readonly id: string;
  readonly worker: string;
  readonly op: 'insert' | 'find' | 'replace' | 'extend' | 'remove' | 'page';
  /** Empty for `page`. */
  readonly key: string;
  /** ns of a clock that all processes share. */
  readonly start: number;
  /** Infinity: never acknowledged. */
  readonly end: number;
  readonly owner?: string;
  /** The version that `replace` expects. */
  readonly from?: string;
  /** The version that `insert` and `replace` write. */
  readonly version?: string;
  /** The end that it sets, epoch ms. */
  readonly to?: number;
  /** What the booleans answered; undefined if there was no answer. */
  readonly ok?: boolean;
  readonly seen?: Seen | null;
  readonly records?: readonly (readonly [string, Seen])[];
}

export interface Verdict {
  readonly violations: string[];
  readonly operations: number;
  readonly acknowledged: number;
  /** Not acknowledged, and done all the same. */
  readonly doneUnacknowledged: number;
  /** An acknowledged end that a touch to an earlier one, at the same time, took back. */
  readonly crossed: number;
}

/** The log of a worker, which may have been killed at any time. */
export function readLog(path: string): Event[] {
  const events = new Map<string, object>();
  const lines = readFileSync(path, 'utf8').split('\n');
  // What follows the last newline was not written whole.
  for (const line of lines.slice(0, -1)) {
    const part = JSON.parse(line) as { id: string };
    events.set(part.id, { end: Infinity, key: '', ...events.get(part.id), ...part });
  }
  return [...events.values()] as Event[];
}

/** @param nowAt Epoch ms of the store's clock at a time of an event. */
export function judge(events: readonly Event[], nowAt: (ns: number) => number): Verdict {
  const pages = events.filter(({ op }) => op === 'page');
  const byKey = new Map<string, Event[]>();
  const add = (event: Event): void => {
    const list = byKey.get(event.key);
    if (list === undefined) byKey.set(event.key, [event]);
    else list.push(event);
  };
  for (const event of events) if (event.op !== 'page') add(event);
  const singles = [...byKey].map(([key, list]) => ({ key, inserted: list.find(isDone('insert')) }));
  for (const { records, ...page } of pages) {
    const listed = new Map(records);
    for (const [key, seen] of listed) add({ ...page, op: 'find', key, seen });
    if (page.end === Infinity) continue;
    for (const { key, inserted } of singles)
      if (inserted !== undefined && (page.owner ?? inserted.owner) === inserted.owner && !listed.has(key))
        add({ ...page, op: 'find', key, seen: null });
  }
  const judges = [...byKey.values()].map((list) => new OneSession(list, nowAt));
  return {
    violations: judges.flatMap((each) => each.violations()),
    operations: events.length,
    acknowledged: events.filter(({ end }) => end < Infinity).length,
    doneUnacknowledged: judges.reduce((sum, each) => sum + each.doneUnacknowledged, 0),
    crossed: judges.reduce((sum, each) => sum + each.crossed, 0),
  };
}

const isDone =
  (op: Event['op']) =>
  (event: Event): boolean =>
    event.op === op && event.ok === true;

class OneSession {
  crossed = 0;
  doneUnacknowledged = 0;
  readonly #found: string[] = [];
  readonly #events: readonly Event[];
  readonly #nowAt: (ns: number) => number;
  readonly #reads: readonly Event[];
  readonly #begunExtends: readonly Event[];
  readonly #extends: readonly Event[];
  readonly #removes: readonly Event[];
  /** The writes that took place, in their order, by the version they wrote. */
  readonly #chain = new Map<string, { readonly event: Event; readonly at: number }>();

  constructor(events: readonly Event[], nowAt: (ns: number) => number) {
    this.#events = [...events].sort((a, b) => a.start - b.start);
    this.#nowAt = nowAt;
    this.#reads = this.#events.filter(({ op, end }) => op === 'find' && end < Infinity);
    this.#begunExtends = this.#events.filter(({ op }) => op === 'extend');
    this.#extends = this.#begunExtends.filter(({ ok }) => ok !== false);
    this.#removes = this.#events.filter(({ op, ok }) => op === 'remove' && ok !== false);
  }

  violations(): string[] {
    this.#followChain();
    this.#checkReads();
    this.#checkEnds();
    this.#checkRefusals();
    this.#checkRevival();
    return this.#found;
  }

  #blame(what: string, event: Event): void {
    this.#found.push(`${what}: ${JSON.stringify(event)}`);
  }

  #followChain(): void {
    const seen = new Set(this.#reads.map((event) => event.seen?.version));
    for (const { op, ok, from } of this.#events) if (op === 'replace' && ok === true) seen.add(from);
    const isReal = ({ ok, version }: Event): boolean =>
      ok === true || (ok === undefined && seen.has(version));
    const writes = this.#events.filter((event) => event.version !== undefined && isReal(event));
    let next = writes.filter(({ op }) => op === 'insert');
    for (let at = 0; next.length > 0; at++) {
      const [event, another] = next as [Event, ...Event[]];
      if (another !== undefined)
        this.#blame(at === 0 ? 'inserted twice' : 'one version replaced by two writers', another);
      const { version = '' } = event;
      this.#chain.set(version, { event, at });
      if (event.ok === undefined) this.doneUnacknowledged++;
      next = writes.filter(({ op, from }) => op === 'replace' && from === version);
    }
    for (const event of writes)
      if (!this.#chain.has(event.version ?? '')) this.#blame('replaced what was not there', event);
  }

  /** Whole, of a write that took place, and never older than what was known before. */
  #checkReads(): void {
    const known: { readonly time: number; readonly at: number }[] = [];
    for (const { event, at } of this.#chain.values()) known.push({ time: event.end, at });
    for (const { seen, end } of this.#reads) {
      const at = this.#chain.get(seen?.version ?? '')?.at;
      if (at !== undefined) known.push({ time: end, at });
    }
    known.sort((a, b) => a.time - b.time);
    let oldest = 0;
    let upTo = 0;
    for (const read of this.#reads) {
      for (let next = known[upTo]; next !== undefined && next.time < read.start; next = known[++upTo])
        oldest = Math.max(oldest, next.at);
      if (read.seen === null || read.seen === undefined) continue;
      if (!read.seen.sound) this.#blame('torn', read);
      const written = this.#chain.get(read.seen.version);
      if (written === undefined) this.#blame('never written', read);
      else if (written.event.start > read.end) this.#blame('read before it was written', read);
      else if (written.at < oldest) this.#blame('older than what was acknowledged', read);
    }
  }

  #checkEnds(): void {
    for (const read of this.#reads) {
      if (read.seen === null || read.seen === undefined) continue;
      const { to, version } = read.seen;
      const written = this.#chain.get(version)?.event;
      if (written?.to === undefined) continue;
      let latest = written.to;
      // A touch that was begun may show, whatever it answers: it may find later that the session was removed meanwhile.
      for (const extend of this.#begunExtends)
        if (extend.start < read.end) latest = Math.max(latest, extend.to ?? 0);
      if (to > latest) this.#blame('an end that nobody set', read);
      if (latest <= this.#nowAt(read.start)) this.#blame('expired', read);
      const missed = this.#extends.filter(
        (extend) =>
          extend.ok === true &&
          extend.start > written.end &&
          extend.end < read.start &&
          (extend.to ?? 0) > to,
      );
      if (to < written.to) this.#blame('an end earlier than written', read);
      if (missed.some((extend) => !this.#isCrossed(extend)))
        this.#blame('an acknowledged touch is lost', read);
      else this.crossed += missed.length;
    }
  }

  /** Two touches at the same time may land in either order: the store says so. */
  #isCrossed({ id, start, end, to = 0 }: Event): boolean {
    return this.#extends.some(
      (other) => other.id !== id && (other.to ?? 0) < to && other.start < end && other.end > start,
    );
  }

  /** Absent, or refused, for no reason. */
  #checkRefusals(): void {
    const inserts = this.#events.filter(({ op, ok }) => op === 'insert' && ok !== false);
    const acknowledgedAt = Math.min(...inserts.map(({ ok, end }) => (ok === true ? end : Infinity)));
    const firstEnd = Math.min(...[...this.#chain.values()].map(({ event }) => event.to ?? Infinity));
    const firstRemove = Math.min(...this.#removes.map(({ start }) => start));
    for (const event of this.#events) {
      const { op, ok, seen, start, end, from } = event;
      if (op === 'insert') {
        if (ok === false && !inserts.some((other) => other.start < end))
          this.#blame('an insert refused for nothing', event);
        continue;
      }
      if (ok !== false && seen !== null) continue;
      if (acknowledgedAt >= start || firstRemove < end || firstEnd <= this.#nowAt(end)) continue;
      const isOvertaken =
        op === 'replace' &&
        this.#events.some(
          (other) => other.op === 'replace' && other.from === from && other.ok !== false && other.start < end,
        );
      if (!isOvertaken) this.#blame('a living session is absent', event);
    }
  }

  #checkRevival(): void {
    const inserted = this.#events.find(isDone('insert'));
    if (inserted === undefined) return;
    const absent = this.#events.filter(
      ({ op, ok, seen, start }) =>
        (op === 'remove' && ok === true) ||
        (start > inserted.end && (seen === null || (op === 'extend' && ok === false))),
    );
    const goneAt = Math.min(...absent.map(({ end }) => end));
    for (const event of this.#events)
      if (event.start > goneAt && (event.ok === true || (event.seen ?? null) !== null))
        this.#blame('back after it was gone', event);
    const [, another] = this.#removes.filter(({ ok }) => ok === true);
    if (another !== undefined) this.#blame('removed twice', another);
  }
}
