import { app, sessions } from '../../examples/accounts-server.js';
import { Client, serve, type Answer, type Running } from '../support/http.js';

const ADA = { name: 'ada', password: 'lovelace' };
const FORM = { 'Content-Type': 'application/x-www-form-urlencoded' };
const JSON_TYPE = { 'Content-Type': 'application/json' };

/** Sends a form as a browser does. */
function submit(
  client: Client,
  path: string,
  fields: Record<string, string> = {},
  headers: Record<string, string> = {},
): Promise<Answer> {
  const body = new URLSearchParams(fields).toString();
  return client.get(path, { method: 'POST', headers: { ...FORM, ...headers }, body });
}

const titleIn = ({ body }: Answer): string => /<h1>(.*?)<\/h1>/.exec(body)?.[1] ?? '';
const titleOf = async (client: Client): Promise<string> => titleIn(await client.get('/'));

/** The list of devices: the name of each, and where its button leads. */
async function devicesOf(client: Client): Promise<{ name: string; end: string | undefined }[]> {
  const [, ...rows] = (await client.get('/')).body.split('<tr><th scope="row">');
  return rows.map((row) => ({
    name: row.slice(0, row.indexOf('<td>')),
    end: row.includes('This device') ? undefined : /formaction="(.*?)">End</.exec(row)?.[1],
  }));
}

/** Makes each login eleven minutes older in the store. */
async function age(): Promise<void> {
  const { records } = await sessions.store.capable('page').page({ limit: 10, owner: 'ada' });
  for (const record of records) {
    if (!('createdAt' in record)) throw new Error('A broken record');
    await sessions.store.remove(record.key);
    await sessions.store.insert({ ...record, createdAt: record.createdAt - 660_000 });
  }
}

describe('the accounts server', () => {
  let running: Running;

  beforeAll(async () => {
    running = await serve(app);
  });
  afterAll(async () => {
    await running.close();
    await sessions.close();
  });
  afterEach(() => sessions.clearAllSessions());

  async function device(name = 'A browser', fields: Record<string, string> = {}): Promise<Client> {
    const client = new Client(running.port);
    const answer = await submit(client, '/login', { ...ADA, ...fields }, { 'User-Agent': name });
    expect(answer).toMatchObject({ status: 303, headers: { location: '/' } });
    expect(await titleOf(client)).toBe('Devices of ada');
    return client;
  }

  it('asks for a login, and keeps nothing of who only looks', async () => {
    const client = new Client(running.port);
    expect(await titleOf(client)).toBe('Log in');
    expect(client.jar.size).toBe(0);
    expect(await sessions.count()).toBe(0);
  });

  it('logs in under a new id', async () => {
    const client = new Client(running.port);
    await submit(client, '/login', { ...ADA, password: 'wrong' });
    const before = client.clone();
    expect(before.jar.size).toBe(1);
    await submit(client, '/login', ADA);
    expect(await titleOf(client)).toBe('Devices of ada');
    expect(client.cookie).not.toBe(before.cookie);
    expect(await titleOf(before)).toBe('Log in');
  });

  it.each([
    ['a wrong password', 'name=ada&password=Lovelace', FORM],
    ['a name that nobody has', 'name=bob&password=lovelace', FORM],
    ['the name of a property', 'name=__proto__&password=lovelace', FORM],
    ['fields that come twice', 'name=ada&name=bob&password=lovelace&password=lovelace', FORM],
    ['no field', '', FORM],
    ['no form', '', {}],
    ['another type', '{"name":"ada","password":"lovelace"}', JSON_TYPE],
  ])('says the same of %s, once, and logs nobody in', async (_name, body, headers) => {
    const client = new Client(running.port);
    const answer = await client.get('/login', { method: 'POST', headers, body });
    expect(answer).toMatchObject({ status: 303, headers: { location: '/' } });
    const page = await client.get('/');
    expect(titleIn(page)).toBe('Log in');
    expect(page.body).toContain('<p role="status">Wrong name or password.');
    expect((await client.get('/')).body).not.toContain('Wrong');
  });

  it('lists the devices and marks the one that asks', async () => {
    const laptop = await device('The laptop');
    const phone = await device('The phone');
    const one = /^\/devices\/sha256:[0-9a-f]{64}\/end$/;
    const ended = { end: expect.stringMatching(one) };
    const seenBy = async (client: Client) =>
      (await devicesOf(client)).sort((a, b) => a.name.localeCompare(b.name));
    expect(await seenBy(laptop)).toEqual([{ name: 'The laptop' }, { name: 'The phone', ...ended }]);
    expect(await seenBy(phone)).toEqual([{ name: 'The laptop', ...ended }, { name: 'The phone' }]);
  });

  it('ends one device, which may log in again', async () => {
    const [laptop, phone, tablet] = [await device('The laptop'), await device('The phone'), await device()];
    const end = (await devicesOf(laptop)).find(({ name }) => name === 'The phone')?.end ?? '';
    expect((await submit(laptop, end)).status).toBe(303);
    expect(await titleOf(phone)).toBe('Log in');
    expect(await titleOf(tablet)).toBe('Devices of ada');
    await submit(phone, '/login', ADA);
    expect(await devicesOf(phone)).toHaveLength(3);
  });

  it('ends all other devices', async () => {
    const [laptop, ...others] = [await device(), await device(), await device()];
    expect((await submit(laptop, '/devices/others/end')).status).toBe(303);
    for (const other of others) expect(await titleOf(other)).toBe('Log in');
    expect(await devicesOf(laptop)).toHaveLength(1);
  });

  it('logs out: the cookie goes, and who kept it is a stranger', async () => {
    const client = await device();
    const kept = client.clone();
    expect((await submit(client, '/logout')).status).toBe(303);
    expect(client.jar.size).toBe(0);
    expect(await titleOf(kept)).toBe('Log in');
    expect(await sessions.count()).toBe(0);
  });

  it('asks for the password again before it ends a device, when the login was a while ago', async () => {
    const [laptop] = [await device(), await device('The phone')];
    await age();
    const [end = ''] = (await devicesOf(laptop)).flatMap((row) => row.end ?? []);
    for (const path of [end, '/devices/others/end']) {
      const answer = await submit(laptop, path);
      expect(answer.status).toBe(401);
      expect(titleIn(answer)).toBe('Log in again');
    }
    expect(await devicesOf(laptop)).toHaveLength(2);
    await submit(laptop, '/login', ADA);
    expect((await submit(laptop, end)).status).toBe(303);
    expect(await devicesOf(laptop)).toHaveLength(1);
  });

  it('ends nothing for a stranger, nor keeps anything of him', async () => {
    const [laptop, stranger] = [await device(), new Client(running.port)];
    for (const path of ['/devices/others/end', `/devices/sha256:${'0'.repeat(64)}/end`])
      expect((await submit(stranger, path)).status).toBe(401);
    expect(stranger.jar.size).toBe(0);
    expect(await devicesOf(laptop)).toHaveLength(1);
    expect(await sessions.count()).toBe(1);
  });

  it.each(['/logout', '/devices/others/end'])('changes nothing by GET %s', async (path) => {
    const [client] = [await device(), await device()];
    expect((await client.get(path)).status).toBe(404);
    expect(await devicesOf(client)).toHaveLength(2);
  });

  it.each(['https://elsewhere.test', 'null'])('refuses a form of %s', async (Origin) => {
    const [client, stranger] = [await device(), new Client(running.port)];
    for (const path of ['/logout', '/devices/others/end'])
      expect((await submit(client, path, {}, { Origin })).status).toBe(403);
    expect((await submit(stranger, '/login', ADA, { Origin })).status).toBe(403);
    expect(stranger.jar.size).toBe(0);
    expect(await devicesOf(client)).toHaveLength(1);
  });

  it('remembers for 30 days who asks for it, and others for an hour', async () => {
    const lifeOf = async (fields: Record<string, string>): Promise<number> => {
      const [cookie = ''] = (await submit(new Client(running.port), '/login', { ...ADA, ...fields })).cookies;
      return Number(/Max-Age=(\d+)/.exec(cookie)?.[1]);
    };
    expect(await lifeOf({ remember: 'on' })).toBe(30 * 86_400);
    expect(await lifeOf({})).toBe(3_600);
  });

  it('shows the name of a device as text, however long it is', async () => {
    const client = await device(`<img src=x onerror="alert('&')">${'x'.repeat(8_000)}`);
    const [{ name } = { name: '' }] = await devicesOf(client);
    const shown = '&#60;img src=x onerror=&#34;alert(&#39;&#38;&#39;)&#34;&#62;';
    expect(name).toMatch(new RegExp(`^${shown.replace(/[()]/g, '\\$&')}x+$`));
    expect(name.length).toBeLessThan(250);
  });

  it('keeps its pages out of every cache, also when they come without the cookie', async () => {
    const client = await device();
    const { headers, cookies } = await client.get('/');
    expect(cookies).toEqual([]);
    expect(headers['cache-control']).toBe('no-store');
  });

  it('lets a user have five devices: the sixth ends the oldest', async () => {
    const first = await device();
    for (let n = 0; n < 5; n++) await device();
    expect(await titleOf(first)).toBe('Log in');
    expect(await sessions.count()).toBe(5);
  });
});
