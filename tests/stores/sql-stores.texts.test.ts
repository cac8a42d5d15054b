// Every text comes back as it was, and is itself only: characters of all planes, names that look alike, and what no database
// can hold.
import type { SessionKey } from '../../src/core/contract.js';
import { withCode } from '../support/failures.js';
import { onSql } from '../support/on-sql.js';
import { failureOf, HOUR, storeWorld } from '../support/sql-world.js';

const TEXTS = [
  'plain',
  'Ünïcödé 名前 العربية',
  '😀👨‍👩‍👧‍👦🏳️‍🌈',
  '\u2028\u2029\u0085\ufeff\u200b',
  '\t\r\n\u0001\u001f\u007f',
  'e\u0301 is not é',
  "' OR 1=1; -- ?:name$1%_",
  '\\\\ "double" `back`',
  '\ufffd\uffff\u{10ffff}',
];

/** Different people, whatever a collation thinks of them. */
const ALIKE = [
  'ada',
  'Ada',
  'ADA',
  'ada ',
  ' ada',
  'ada\t',
  'adá',
  'ada\u0301',
  'ａｄａ',
  'ß',
  'ss',
  'i',
  'İ',
  'ı',
  '%',
  '_',
];
const UNSTORABLE = ['a\0b', '\0', 'a\ud800', '\udc00a', '\ud800\ud800'];

onSql((world) => {
  it.each(TEXTS.map((text) => [text]))('keeps %j in data, in facts and as a user (S58)', async (text) => {
    const { store, add, clock, idsOn } = await storeWorld(world);
    const data = JSON.stringify({ [text]: text, nested: [`${text}\0`, '\ud800'] });
    const meta = { device: text, seenAt: 1, more: [`${text}\0`, null] };
    const added = await add('x', { data, owner: text, meta });
    expect(await store.find(added.key)).toEqual(added);
    const next = { ...added, version: text, data: JSON.stringify({ again: text }) };
    expect(await store.replace(next, added.version)).toBe(true);
    expect(await store.replace({ ...next, version: 'v' }, text)).toBe(true);
    const page = await store.page({ owner: text, limit: 10 });
    expect(idsOn(page)).toEqual(['x']);
    expect(page.records).toEqual([{ ...next, version: 'v' }]);
    await store.revokeBefore(clock.now() + 1, text);
    expect(await store.find(added.key)).toBeNull();
  });

  it.each(TEXTS.map((text) => [text]))('knows a session by a key with %j in it (S58)', async (text) => {
    const { store, add, keyOf } = await storeWorld(world, { idAtRest: 'plain' });
    const added = await add(text);
    expect(await store.find(keyOf(text))).toEqual(added);
    expect(await store.remove(keyOf(`${text} `))).toBe(false);
    expect(await store.remove(keyOf(text))).toBe(true);
  });

  it('keeps data of 60 KiB, and large data in a language of three bytes a letter', async () => {
    const { store, add } = await storeWorld(world);
    for (const [id, letter] of [['latin', 'a'] as const, ['japanese', '名'] as const]) {
      const added = await add(id, { data: JSON.stringify({ text: letter.repeat(60_000) }) });
      expect(await store.find(added.key)).toEqual(added);
    }
  });

  it('keeps numbers as they were: far ends, parts of milliseconds, none', async () => {
    const { store, add, clock } = await storeWorld(world);
    const far = 8_640_000_000_000_000;
    const ended = { deadlineAt: far, expiresAt: far, idleMs: far };
    const [a, b] = [await add('a', ended), await add('b', { deadlineAt: null, idleMs: null })];
    for (const record of [a, b]) expect(await store.find(record.key)).toEqual(record);
    const c = await add('c', {
      createdAt: clock.now() + 0.5,
      expiresAt: clock.now() + HOUR + 0.5,
      idleMs: 0.5,
    });
    expect(await store.find(c.key)).toMatchObject({ createdAt: clock.now(), expiresAt: clock.now() + HOUR });
  });

  it('takes no user for another one, in lists and when revoking', async () => {
    const { store, add, clock, idsOn, keyOf } = await storeWorld(world);
    for (const [at, owner] of ALIKE.entries()) await add(`of ${String(at)}`, { owner });
    for (const [at, owner] of ALIKE.entries())
      expect(idsOn(await store.page({ owner, limit: 100 }))).toEqual([`of ${String(at)}`]);
    for (const [at, owner] of ALIKE.entries()) {
      await store.revokeBefore(clock.now() + 1, owner);
      const left = idsOn(await store.page({ limit: 100 }));
      expect(left).toEqual(ALIKE.slice(at + 1).map((_name, next) => `of ${String(at + 1 + next)}`));
      expect(await store.find(keyOf(`of ${String(at)}`))).toBeNull();
    }
  });

  it('takes no key for another one', async () => {
    const { store, add, keyOf } = await storeWorld(world, { idAtRest: 'plain' });
    for (const id of ALIKE) await add(id, { data: JSON.stringify({ id }) });
    expect(await store.count()).toBe(ALIKE.length);
    for (const id of ALIKE)
      expect(await store.find(keyOf(id))).toMatchObject({ data: JSON.stringify({ id }) });
    for (const id of ALIKE) expect(await store.remove(keyOf(id))).toBe(true);
    expect(await store.count()).toBe(0);
  });

  it('takes no version for another one', async () => {
    const { store, add } = await storeWorld(world);
    for (const [at, version] of ALIKE.entries()) {
      const added = await add(`x${String(at)}`, { version });
      const others = ALIKE.filter((other) => other !== version);
      for (const other of others) expect(await store.replace({ ...added, version: 'n' }, other)).toBe(false);
      expect(await store.replace({ ...added, version: 'n' }, version)).toBe(true);
    }
  });

  it.each(UNSTORABLE.map((text) => [text]))('refuses %j as a key, at every call', async (text) => {
    const { store, record, clock } = await storeWorld(world, { idAtRest: 'plain' });
    const key = text as SessionKey;
    const calls = [
      () => store.find(key),
      () => store.insert({ ...record('x'), key }),
      () => store.replace({ ...record('x'), key }, 'v'),
      () => store.extend(key, clock.now() + HOUR),
      () => store.remove(key),
    ];
    for (const call of calls) expect(await failureOf(call())).toEqual(withCode('ERR_SESSION_ID'));
    expect(await store.count()).toBe(0);
  });

  it.each(UNSTORABLE.map((text) => [text]))(
    'refuses %j as a user, and takes it for nobody',
    async (owner) => {
      const { store, add, record, clock, keyOf, idsOn } = await storeWorld(world);
      // What becomes of half a character on its way to a database.
      const lookAlike = Buffer.from(owner).toString();
      if (!owner.includes('\0')) await add('like', { owner: lookAlike });
      const there = await add('x', { owner: 'ada' });
      const refused = withCode('ERR_SESSION_VALUE');
      expect(await failureOf(store.insert(record('y', { owner })))).toEqual(refused);
      expect(await failureOf(store.replace({ ...there, owner }, there.version))).toEqual(refused);
      expect(await store.find(keyOf('y'))).toBeNull();
      expect(await store.find(there.key)).toEqual(there);
      // Nobody has that name: an empty list, or a refusal, but not the sessions of the one whose name looks like it.
      const listed = await store.page({ owner, limit: 10 }).then(idsOn, (error: unknown) => error);
      expect([[], refused]).toContainEqual(listed);
      await store
        .revokeBefore(clock.now() + 1, owner)
        .catch((error: unknown) => expect(error).toEqual(refused));
      if (!owner.includes('\0')) expect(await store.find(keyOf('like'))).not.toBeNull();
      expect(await store.find(there.key)).toEqual(there);
    },
  );

  it.each([undefined, null, 7, '', ['a'], { key: 'a' }])('refuses %p as a key (S57)', async (key) => {
    const { store } = await storeWorld(world);
    for (const call of [() => store.find(key as SessionKey), () => store.remove(key as SessionKey)])
      expect(await failureOf(call())).toEqual(withCode('ERR_SESSION_ID'));
  });

  it('refuses a user whose name is longer than its column, where that has an end', async () => {
    const { store, record, clock, keyOf } = await storeWorld(world);
    const owner = '名'.repeat(400);
    const inserted = await store.insert(record('x', { owner })).catch((error: unknown) => error);
    if (inserted !== true) {
      expect(inserted).toEqual(withCode('ERR_SESSION_TOO_LARGE'));
      expect(await failureOf(store.revokeBefore(clock.now(), owner))).toEqual(
        withCode('ERR_SESSION_TOO_LARGE'),
      );
    } else expect(await store.find(keyOf('x'))).toMatchObject({ owner });
    expect((await store.page({ owner: owner.slice(0, 170), limit: 1 })).records).toEqual([]);
  });
});
