// What is read from a store is data and nothing else: stored text of every kind, planted behind the manager, the
// drop-in and every store. And what is stored is no larger than may be.
import { data, dropIn, holding, site } from '../express-session/readme/support.js';
import { closeWorlds, codeOf } from '../session-manager/world.js';
import { TestClock } from '../support/clock.js';
import { openApp, OWN_STORES, plant, signed, STORES } from './every-store.js';

afterEach(closeWorlds);

const ID = 'i'.repeat(43);
const RUN = '(() => { globalThis.wasRun = true; })()';

/** Text that some decoder, somewhere, made code, classes or prototypes of. */
const TEXTS: Readonly<Record<string, string>> = {
  prototypes:
    '{"a":1,"__proto__":{"admin":true},"constructor":{"prototype":{"admin":true}},"prototype":{"admin":true},' +
    '"n":{"__proto__":{"admin":true},"\\u005f_proto__":{"admin":true},"constructor":{"prototype":{"admin":true}}}}',
  functions: JSON.stringify({
    a: 1,
    f: `_$$ND_FUNC$$_function(){${RUN}}()`,
    g: `function () { ${RUN} }`,
    h: { __js_function: RUN, $function: RUN, _bsontype: 'Code', code: RUN },
    y: `!!js/function 'function () { ${RUN} }'`,
    t: `\${${RUN}}`,
    toString: RUN,
    valueOf: RUN,
    then: RUN,
    toJSON: RUN,
    hasOwnProperty: RUN,
    inner: { then: RUN, toJSON: RUN, toString: RUN },
  }),
  types: JSON.stringify({
    a: 1,
    date: '2020-01-01T00:00:00.000Z',
    buffer: { type: 'Buffer', data: [1, 2] },
    map: { dataType: 'Map', value: [[1, 2]] },
    tagged: { $date: '2020', $regex: '(a+)+$', $type: 'Function', '@class': 'java.lang.Runtime' },
    number: '1n',
    php: 'O:8:"stdClass":0:{}',
    pickle: 'gASVIAAAAAAAAACMBXBvc2l4lIwGc3lzdGVtlJOUjAVlY2hvIJSFlFKULg==',
  }),
  methods:
    '{"a":1,"save":"x","destroy":"x","regenerate":"x","reload":"x","touch":"x","resetMaxAge":"x","id":"x","req":"x"}',
};

/** What of a value is more than data, by its path. */
function moreThanData(value: unknown, path = 'session'): string[] {
  if (typeof value === 'function' || typeof value === 'symbol' || typeof value === 'bigint')
    return [`${path}: ${typeof value}`];
  if (typeof value !== 'object' || value === null) return [];
  const prototype = Object.getPrototypeOf(value) as unknown;
  const isPlain = prototype === null || prototype === Object.prototype || prototype === Array.prototype;
  return [
    ...(isPlain ? [] : [`${path}: an instance`]),
    ...('admin' in value ? [`${path}.admin`] : []),
    ...Object.getOwnPropertySymbols(value).map((symbol) => `${path}: ${String(symbol)}`),
    ...Object.entries(Object.getOwnPropertyDescriptors(value)).flatMap(([key, { get, value: inner }]) => {
      if (get !== undefined) return [`${path}.${key}: a getter`];
      return key === 'constructor' || key === 'prototype' ? [] : moreThanData(inner, `${path}.${key}`);
    }),
  ];
}

const wasRun = (): boolean => 'wasRun' in globalThis;
const isPolluted = (): boolean => 'admin' in {} || 'admin' in [] || 'admin' in (() => undefined);

it('S36 would notice what is more than data', () => {
  class Row {
    readonly id = 1;
  }
  const bad: readonly unknown[] = [
    () => 1,
    new Date(),
    new Map(),
    new Row(),
    Buffer.from('a'),
    Object.create({ other: true }),
    Object.defineProperty({}, 'x', { get: () => 1, enumerable: true }),
    { [Symbol('s')]: 1 },
    1n,
    /x/,
  ];
  for (const value of bad) expect([value, moreThanData({ deep: [value] }).length]).toEqual([value, 1]);
});

describe.each(Object.entries(TEXTS))('S36 stored text full of %s', (_what, text) => {
  it.each(STORES)('is data to the manager, and its session has its methods: %s', async (_name, make) => {
    const app = await openApp(make);
    const { browser, on, sessions, store } = app;
    const found: unknown[] = [];
    on('/all', async (req, res) => {
      const all = await sessions.all(req);
      await sessions.load(req);
      const session = sessions.session(req) as unknown as Record<string, unknown>;
      found.push(moreThanData(all), moreThanData({ ...session }), isPolluted(), wasRun());
      found.push(['save', 'destroy', 'regenerate', 'reload', 'touch'].map((name) => typeof session[name]));
      res.json(await sessions.get(req, 'a'));
    });
    await plant(app, ID, { data: text });
    const headers = { cookie: signed(ID) };
    expect(await browser().get('/all', { headers })).toMatchObject({ status: 200, body: '1' });
    expect(found).toEqual([[], [], false, false, Array(5).fill('function')]);
    const listed = (await sessions.getAllSessions()).map(({ data: each }) => moreThanData(each));
    expect([listed, isPolluted(), wasRun()]).toEqual([[[]], false, false]);
    // The store's own face, which express-session asks, hands on what JSON.parse makes of it.
    const stored = (await store.get(ID)) as unknown as Record<string, unknown>;
    expect([Object.getPrototypeOf(stored), isPolluted(), wasRun()]).toEqual([Object.prototype, false, false]);
    // A change of the session writes nothing back that is more.
    expect((await browser().get('/set', { headers })).status).toBe(200);
    expect([moreThanData({ ...(await store.get(ID)) }), isPolluted(), wasRun()]).toEqual([[], false, false]);
  });

  it.each(OWN_STORES)('is data to the drop-in too: %s', async (_name, make) => {
    const testClock = new TestClock(Date.now());
    const store = make(testClock);
    const found: unknown[] = [];
    const { client, faults } = await site(dropIn, { store, clock: testClock }, (req, res) => {
      const session = data(req);
      found.push(moreThanData({ ...session, ['cookie']: undefined }), isPolluted(), wasRun());
      found.push(['save', 'destroy', 'regenerate', 'reload', 'touch'].map((name) => typeof session[name]));
      res.json(session['a']);
    });
    await plant({ store, testClock }, ID, { data: text.replace('{', '{"cookie":{"path":"/"},') });
    client.cookie = holding(ID)['cookie'] ?? '';
    expect([(await client.get('/')).body, faults]).toEqual(['1', []]);
    expect(found).toEqual([[], false, false, Array(5).fill('function')]);
  });
});

describe('S36 stored text that is no JSON object', () => {
  const NO_OBJECT = [
    ...[
      '',
      ' ',
      'null',
      '5',
      '"x"',
      '[{"a":1}]',
      'true',
      'undefined',
      'NaN',
      '{',
      '{"a":1',
      '{"a":1}}',
      '{"a":1}x',
    ],
    ...[
      "{'a':1}",
      '{a:1}',
      '({"a":1})',
      `{"a":${RUN}}`,
      RUN,
      '{"a":1}//',
      '{"a":1,}',
      '{"a":0x1}',
      '<a>1</a>',
      'a: 1',
    ],
    ...[
      '_$$ND_FUNC$$_',
      '\0',
      '\ufeff{"a":1}',
      'eyJhIjoxfQ==',
      '\x80\x04\x95',
      'O:8:"stdClass":1:{s:1:"a";i:1;}',
    ],
  ];

  it.each(OWN_STORES)('is never data, and nobody’s session: %s', async (name, make) => {
    const app = await openApp(make);
    const reported: unknown[] = [];
    app.store.on('error', ({ code }: { code: string }) => reported.push(code));
    const headers = { cookie: signed(ID) };
    for (const text of NO_OBJECT) {
      reported.length = 0;
      const record = await plant(app, ID, { data: text });
      const { status, body, cookies } = await app.browser().get('/get', { headers });
      // A file that is broken is put aside and reported; it counts as absent from then on.
      const expected = name.startsWith('files') ? [200, 'null'] : [500, 'ERR_SESSION_CORRUPT'];
      expect([text, status, body, cookies]).toEqual([text, ...expected, []]);
      expect(reported).toEqual(name.startsWith('files') ? ['ERR_SESSION_CORRUPT'] : []);
      expect([isPolluted(), wasRun()]).toEqual([false, false]);
      await app.store.remove(record.key);
    }
    await plant(app, ID);
    expect((await app.browser().get('/get', { headers })).body).toBe('1');
  });
});

it.each(STORES)('S35 the size of data is counted in bytes, not in characters: %s', async (_name, make) => {
  const { client, on, sessions } = await openApp(make);
  on('/large', async (req, res) => {
    const kept = 3 * 1_024;
    const text = (bytes: number): string => '€'.repeat(Math.floor(bytes / 3));
    res.json([
      await codeOf(sessions.set(req, 'large', text(64 * 1_024 - kept))),
      await codeOf(sessions.set(req, 'large', text(64 * 1_024 + kept))),
      String(await sessions.get(req, 'large')).length,
    ]);
  });
  await client.get('/set');
  expect(JSON.parse((await client.get('/large')).body)).toEqual([null, 'ERR_SESSION_TOO_LARGE', 20_821]);
});
