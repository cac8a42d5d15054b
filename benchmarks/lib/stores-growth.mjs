// What very many sessions cost each call: `find`, `replace` and `extend` of MemoryStore among a million sessions and among
// a thousand. A bare Map of records beside it says how much of that is the machine's memory.
// `node stores-growth.mjs growth <its JSON>` measures, in a process of its own with --expose-gc.
import { createRequire } from 'node:module';

import { recordOf } from '../../scripts/lib/full-directories.mjs';
import { randomFrom } from '../../scripts/lib/random.mjs';
import { median, number, ratio, spread } from '../../scripts/lib/table.mjs';
import { job } from './stores-job.mjs';

const { MemoryStore } = createRequire(import.meta.url)('../../dist/cjs/index.cjs');
const HOUR_MS = 3_600_000;
const FEW = 1_000;
/** Of the Map's growth. */
const AT_MOST = 1.5;
const SELF = import.meta.filename;
const CONTAINERS = { ours: storeOf, Map: mapOf };
const OPERATIONS = ['get', 'set', 'touch'];

export async function growthPart({ isQuick }) {
  const many = isQuick ? 100_000 : 1_000_000;
  const [rounds, calls] = isQuick ? [7, 5_000] : [21, 20_000];
  const figures = await job(SELF, 'growth', { counts: [FEW, many], rounds, calls });
  const growth = (who, operation) =>
    figures[who][many][operation].map((us, round) => us / figures[who][FEW][operation][round]);
  const relative = (operation) => {
    const ofMap = growth('Map', operation);
    return growth('ours', operation).map((times, round) => times / ofMap[round]);
  };
  const title = `MemoryStore among ${number(many)} sessions against ${number(FEW)}`;
  const columns = (who, operation) => [
    ...[FEW, many].map((count) => median(figures[who][count][operation])),
    median(growth(who, operation)),
  ];
  const heads = (who) => [`${who}, ${number(FEW)}`, `${who}, ${number(many)}`, `${who}: times`];
  return {
    tables: [
      {
        id: 'stores-growth',
        title: `${title}, us`,
        head: ['', ...heads('ours'), ...heads('Map'), 'ours / Map'],
        rows: OPERATIONS.map((operation) => [
          operation,
          ...columns('ours', operation),
          ...columns('Map', operation),
          ratio(median(relative(operation))),
        ]),
        chart: {
          unit: 'times as long as among a thousand',
          bars: OPERATIONS.flatMap((group) =>
            Object.keys(CONTAINERS).map((label) => ({
              group,
              label,
              ...spread(growth(label, group), (times) => times),
            })),
          ),
        },
      },
    ],
    targets: OPERATIONS.map((operation) => ({
      what: `${title}: ${operation}, against a bare Map's`,
      figure: median(relative(operation)),
      required: { atMost: AT_MOST },
    })),
  };
}

const keys = new MemoryStore({ cleanupInterval: 0 });

/** Another object with other texts each time, as each request brings them. */
const newRecord = (number) => ({ ...recordOf(keys, number, Date.now() + HOUR_MS), version: 'the same' });

function* recordsOf(count) {
  for (let number = 0; number < count; number++) yield newRecord(number);
}

/** Each with calls whose promises are not waited for: that would cost the same among few and among many. */
function storeOf(records) {
  const store = new MemoryStore({ cleanupInterval: 0 });
  for (const record of records) store.insert(record);
  return {
    get: (key) => store.find(key),
    set: (record) => store.replace(record, record.version),
    touch: (key, expiresAt) => store.extend(key, expiresAt),
  };
}

function mapOf(records) {
  const map = new Map();
  for (const record of records) map.set(record.key, record);
  return {
    get: (key) => ({ ...map.get(key) }),
    set: (record) => map.set(record.key, { ...record }),
    touch: (key, expiresAt) => (map.get(key).expiresAt = expiresAt),
  };
}

/** Microseconds a call, by container, count and operation: one figure for each round. */
async function measure({ counts, rounds, calls }) {
  const random = randomFrom(1);
  const contestants = [];
  for (const [who, create] of Object.entries(CONTAINERS))
    for (const count of counts)
      contestants.push({
        who,
        count,
        container: create(recordsOf(count)),
        us: { get: [], set: [], touch: [] },
      });
  for (let round = 0; round <= rounds; round++) {
    for (const { count, container, us } of contestants) {
      const chosen = Array.from({ length: calls }, () => random.below(count));
      const expiresAt = Date.now() + 2 * HOUR_MS + round * 1_000;
      const figures = await timed(container, chosen, expiresAt);
      // Round 0 warms up.
      if (round > 0) for (const operation of OPERATIONS) us[operation].push(figures[operation]);
    }
    contestants.reverse();
  }
  const figures = { ours: {}, Map: {} };
  for (const { who, count, us } of contestants) figures[who][count] = us;
  return figures;
}

async function timed(container, chosen, expiresAt) {
  const newKeys = () => chosen.map((number) => newRecord(number).key);
  const records = chosen.map(newRecord);
  const last = records.at(-1);
  const figures = {
    get: usPerCall(newKeys(), container.get),
    set: usPerCall(records, container.set),
    touch: usPerCall(newKeys(), (key) => container.touch(key, expiresAt)),
  };
  const found = await container.get(last.key);
  if (found.data !== last.data || found.expiresAt !== expiresAt)
    throw new Error(`${last.key} was not stored`);
  return figures;
}

function usPerCall(inputs, call) {
  // Where they can be seen: what nobody looks at, V8 need not do.
  const results = new Array(64);
  globalThis.gc({ type: 'minor' });
  const startedAt = performance.now();
  for (let index = 0; index < inputs.length; index++) results[index % results.length] = call(inputs[index]);
  return ((performance.now() - startedAt) * 1_000) / inputs.length;
}

if (process.argv[1] === SELF) console.log(JSON.stringify(await measure(JSON.parse(process.argv[3]))));
