// Messages for the next page: each is read once, whoever reads.
import { openUsers, STORES, type Users } from './user-world.js';
import { closeWorlds, codeOf, query } from './world.js';

afterEach(closeWorlds);

async function open(...args: Parameters<typeof openUsers>): Promise<Users> {
  const users = await openUsers(...args);
  const { on, sessions } = users;
  on('/flash', async (req, res) => {
    for (const message of query(req, 'say').split(','))
      await sessions.flash(req, query(req, 'type'), message);
    res.end();
  });
  on('/flashes', async (req, res) => {
    res.json(await sessions.flashes(req, query(req, 'type')));
  });
  return users;
}

describe.each(STORES)('on %s', (_name, make) => {
  it('gives each message once, in their order, by type', async () => {
    const { client } = await open(make);
    await client.get('/flash?type=info&say=one,two');
    await client.get('/flash?type=error&say=three');
    expect((await client.get('/flashes?type=info')).body).toBe('["one","two"]');
    expect((await client.get('/flashes?type=info')).body).toBe('[]');
    expect((await client.get('/flashes?type=error')).body).toBe('["three"]');
    expect((await client.get('/flashes?type=error')).body).toBe('[]');
  });

  it('gives each message to one of several pages that read at once, and loses none of several that write', async () => {
    const { client, on, sessions } = await open(make, { realClock: { now: Date.now, after } });
    await client.get('/set?cart=book');
    const tabs = Array.from({ length: 10 }, () => client.clone());
    await Promise.all(tabs.map((tab, n) => tab.get(`/flash?type=info&say=${String(n)}`)));
    on('/twice', async (req, res) => {
      res.json((await Promise.all([1, 2].map(() => sessions.flashes(req, 'info')))).flat());
    });
    const more = client.get('/flash?type=info&say=10');
    const answers = await Promise.all(
      tabs.map((tab, n) => tab.get(n % 2 === 0 ? '/twice' : '/flashes?type=info')),
    );
    expect((await more).status).toBe(200);
    answers.push(await client.get('/flashes?type=info'));
    const read = answers.flatMap((answer) => JSON.parse(answer.body) as string[]);
    expect(read.map(Number).sort((a, b) => a - b)).toEqual(Array.from({ length: 11 }, (_, n) => n));
    expect(JSON.parse((await client.get('/all')).body)).toMatchObject({ cart: 'book' });
  });
});

function after(ms: number, callback: () => void): () => void {
  const timer = setTimeout(callback, ms);
  timer.unref();
  return () => {
    clearTimeout(timer);
  };
}

it('S45 writes nothing, and begins no session, where there are no messages', async () => {
  const { calls, client, records } = await open();
  expect(await client.get('/flashes?type=info')).toMatchObject({ body: '[]', cookies: [] });
  expect(await records()).toEqual([]);
  await client.get('/flash?type=error&say=kept');
  calls.clear();
  expect((await client.get('/flashes?type=info')).body).toBe('[]');
  expect(calls.names.filter((name) => !name.startsWith('find'))).toEqual([]);
  expect((await client.get('/flashes?type=error')).body).toBe('["kept"]');
});

it.each(['constructor', 'prototype', 'toString', 'hasOwnProperty', 'length', 'a b', '0'])(
  'S34 takes %j for a type like any other',
  async (type) => {
    const { client } = await open();
    const name = encodeURIComponent(type);
    expect((await client.get(`/flashes?type=${name}`)).body).toBe('[]');
    await client.get(`/flash?type=${name}&say=hello`);
    expect((await client.get('/flashes?type=info')).body).toBe('[]');
    expect((await client.get(`/flashes?type=${name}`)).body).toBe('["hello"]');
    expect((await client.get(`/flashes?type=${name}`)).body).toBe('[]');
    expect(({} as { hello?: unknown }).hello).toBeUndefined();
  },
);

it.each<[unknown, unknown]>([
  ['__proto__', 'hello'],
  ['', 'hello'],
  [undefined, 'hello'],
  [7, 'hello'],
  ['info', 7],
  ['info', undefined],
  ['info', { text: 'hello' }],
  ['info', ['hello']],
])('refuses the type %p with the message %p, and stores nothing', async (type, message) => {
  const { client, on, records, sessions } = await open();
  on('/say', async (req, res) => {
    res.send(await codeOf(sessions.flash(req, type as string, message as string)));
  });
  expect(await client.get('/say')).toMatchObject({ body: 'ERR_SESSION_VALUE', cookies: [] });
  expect(await records()).toEqual([]);
  expect(({} as { hello?: unknown }).hello).toBeUndefined();
});

it.each<[unknown]>([['__proto__'], [''], [undefined], [7]])('finds none of the type %p', async (type) => {
  const { client, on, sessions } = await open();
  await client.get('/flash?type=info&say=hello');
  on('/read', async (req, res) => {
    res.json(await sessions.flashes(req, type as string));
  });
  expect((await client.get('/read')).body).toBe('[]');
  expect((await client.get('/flashes?type=info')).body).toBe('["hello"]');
});

it.each<[string, unknown]>([
  ['a text', 'mine'],
  ['a list', ['mine']],
  ['null', null],
  ['lists of no texts', { info: 'mine' }],
])('gets along with what the application itself keeps under that key: %s', async (_what, value) => {
  const { client, on, sessions } = await open();
  on('/mine', async (req, res) => {
    await sessions.set(req, 'flash', value);
    res.end();
  });
  await client.get('/mine');
  expect((await client.get('/flashes?type=info')).body).toBe('[]');
  await client.get('/flash?type=info&say=hello');
  expect((await client.get('/flashes?type=info')).body).toBe('["hello"]');
});

it('goes along with a login that keeps the data, and never to another user', async () => {
  const { client } = await open();
  await client.get('/flash?type=info&say=welcome');
  await client.get('/login?user=ada&keep=1');
  expect((await client.get('/flashes?type=info')).body).toBe('["welcome"]');
  await client.get('/flash?type=info&say=secret');
  await client.get('/login?user=bob&keep=1');
  expect((await client.get('/flashes?type=info')).body).toBe('[]');
});

it('fails the response of a message that is not awaited and cannot be stored', async () => {
  const { client, faults, on, sessions } = await open();
  on('/forgot', (req, res) => {
    void sessions.flash(req, 'info', 'hello');
    res.redirect('/next');
  });
  faults.fail('insert', { times: 1 });
  expect(await client.get('/forgot')).toMatchObject({ status: 503, body: 'ERR_SESSION_STORE' });
  expect((await client.get('/forgot')).status).toBe(302);
  expect((await client.get('/flashes?type=info')).body).toBe('["hello"]');
});
