// F2: with `durability: 'power'` nothing is acknowledged before it is on the disk: the order of the system calls.
import { createHash } from 'node:crypto';
import { dirname } from 'node:path';

import { freshPath } from '../support/directory.js';
import { keyFor } from '../support/file-scenarios.js';
import { reportFault } from '../support/faults.js';
import { build, trace, type Traced } from '../support/strace.js';
import { hasStrace } from '../support/tools.js';

// Processes and disks that others use too take their time.
jest.setTimeout(60_000);

beforeAll(build, 120_000);

const NAME = keyFor('traced').slice('sha256:'.length);
const OWNER = createHash('sha256').update('ann').digest('hex');

/** What the script does, with what is said after each acknowledgement. */
const script = (path: string, io: string, isThere: boolean, operation: string): string => `
  const now = Date.now();
  const record = { v: 1, key: 'sha256:${NAME}', data: '{"n":1}', version: 'first', createdAt: now, deadlineAt: null,
    idleMs: 3_600_000, expiresAt: now + 3_600_000, owner: 'ann' };
  const store = new FileStore({ path: ${JSON.stringify(path)}, io: '${io}', durability: 'power', cleanupInterval: 0 });
  (async () => {
    if (${isThere}) await store.insert(record);
    begin();
    say('ACK ' + (await ${operation}));
  })();
`;

/** The calls that change something or flush it, up to the acknowledgement, with the paths shortened. */
function story(calls: readonly Traced[], path: string): string[] {
  const short = (text: string): string =>
    text
      .replaceAll(path, '')
      .replaceAll(OWNER, 'OWNER')
      .replaceAll(NAME, 'NAME')
      .replace(/\.s-(\d+)-[\w-]+/g, '.s-$1')
      .replace(/@(\d+)-[\w-]+/g, '@$1')
      .replace(/\.session-store-js\.\w+/g, '.session-store-js.TMP');
  const told: string[] = [];
  for (const { name, text } of calls) {
    const brief = short(text);
    const of = (pattern: RegExp): string => pattern.exec(brief)?.slice(1).join(' -> ') ?? brief;
    if (brief.includes('= -1 ')) continue;
    if (name === 'write' && brief.includes('"ACK ')) return [...told, of(/"(ACK \w+)/)];
    if (name === 'write' && /^\d+<\//.test(brief)) told.push(`write ${of(/<([^>]*)>/)}`);
    if (name === 'fsync') told.push(`fsync ${of(/<([^>]*)>/)}`);
    if (name === 'openat' && brief.includes('O_CREAT')) told.push(`create ${of(/"([^"]*)"/)}`);
    if (name === 'mkdir') told.push(`mkdir ${of(/"([^"]*)"/)}`);
    if (name === 'unlink') told.push(`unlink ${of(/"([^"]*)"/)}`);
    if (name === 'utimensat' && !brief.includes('NULL')) told.push(`utimes ${of(/"([^"]*)"/)}`);
    if (name === 'rename' || name === 'link') told.push(`${name} ${of(/"([^"]*)", "([^"]*)"/)}`);
  }
  return told;
}

/** That each is there, after the one before it. */
function expectOrder(told: readonly string[], ...order: string[]): void {
  let at = -1;
  for (const each of order) {
    const next = told.indexOf(each, at + 1);
    expect([each, next > at ? 'follows' : 'is missing', told]).toEqual([each, 'follows', told]);
    at = next;
  }
}

const SHARD = `/${NAME.slice(0, 3)}`;
const RECORD = `${SHARD}/NAME`;
const OWNERS = `/owners/${OWNER.slice(0, 3)}/OWNER`;

describe.each(['sync', 'async'])('F2 durability power, io %s', (io) => {
  const tell = (isThere: boolean, operation: string): string[] | null => {
    if (!hasStrace()) return null;
    const path = freshPath();
    const { status, errors, calls } = trace(script(path, io, isThere, operation));
    expect({ status, errors }).toEqual({ status: 0, errors: '' });
    return story(calls, path);
  };

  it('F2 flushes a new session, then its name, and then says so', () => {
    const told = tell(false, 'store.insert(record)');
    if (told === null) return;
    expectOrder(
      told,
      `fsync ${OWNERS}`,
      `write ${RECORD}.s-1`,
      `fsync ${RECORD}.s-1`,
      `create ${RECORD}@1`,
      `link ${RECORD}.s-1 -> ${RECORD}`,
      `fsync ${SHARD}`,
      'ACK true',
    );
  });

  it('F2 flushes the names of the folders it makes', () => {
    const told = tell(false, 'store.insert(record)');
    if (told === null) return;
    expectOrder(told, 'write /.session-store-js.TMP', 'fsync /.session-store-js.TMP');
    expectOrder(told, 'link /.session-store-js.TMP -> /.session-store-js', 'fsync ', 'ACK true');
    for (const folder of [SHARD, '/owners', dirname(OWNERS), OWNERS])
      expectOrder(told, `mkdir ${folder}`, `fsync ${folder.slice(0, folder.lastIndexOf('/'))}`, 'ACK true');
  });

  it('F2 flushes the name of the directory itself', () => {
    if (!hasStrace()) return;
    const above = dirname(freshPath());
    const { calls } = trace(script(`${above}/one/two`, io, false, 'store.insert(record)'));
    const told = story(calls, above);
    expectOrder(told, 'mkdir /one', 'fsync ', 'ACK true');
    expectOrder(told, 'mkdir /one/two', 'fsync /one', 'ACK true');
  });

  it('F2 flushes a new version before its token, and the names before it says so', () => {
    const told = tell(true, "store.replace({ ...record, version: 'second' }, 'first')");
    if (told === null) return;
    expectOrder(
      told,
      `write ${RECORD}.s-2`,
      `fsync ${RECORD}.s-2`,
      `rename ${RECORD}@1 -> ${RECORD}@2`,
      `rename ${RECORD}.s-2 -> ${RECORD}`,
      `fsync ${SHARD}`,
      'ACK true',
    );
  });

  it('F2 flushes the removal before it says so', () => {
    const told = tell(true, 'store.remove(record.key)');
    if (told === null) return;
    expectOrder(told, `unlink ${RECORD}@1`, `unlink ${RECORD}`, `fsync ${SHARD}`, 'ACK true');
  });

  it('F2 flushes the time of a touch before it says so', () => {
    const told = tell(true, 'store.extend(record.key, record.expiresAt + 60_000)');
    if (told === null) return;
    expectOrder(told, `utimes ${RECORD}@1`, `fsync ${RECORD}@1`, 'ACK true');
    reportFault({
      fault: 'F2',
      recipe: `strace of insert, replace, remove, extend, io ${io}`,
      rounds: 6,
      result: 'write, fsync file, link or rename, fsync directory, acknowledgement',
    });
  });
});
