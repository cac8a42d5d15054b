import { app, sessions } from '../../examples/memory-server.js';
import { Client, serve, type Running } from '../support/http.js';

describe('the memory server', () => {
  const admin = { 'X-Admin-Token': 'a token of this test' };
  let running: Running;

  beforeAll(async () => {
    process.env['ADMIN_TOKEN'] = admin['X-Admin-Token'];
    running = await serve(app);
  });

  afterAll(async () => {
    delete process.env['ADMIN_TOKEN'];
    await running.close();
    await sessions.close();
  });

  afterEach(() => sessions.clearAllSessions());

  it('counts the visits of each browser by itself', async () => {
    const [one, two] = [new Client(running.port), new Client(running.port)];
    for (const n of [1, 2, 3]) expect((await one.get('/')).body).toContain(`this page ${String(n)} times`);
    expect((await two.get('/')).body).toContain('this page 1 times');
  });

  it('touches and ends a session by POST, and says so where there is none', async () => {
    const client = new Client(running.port);
    expect((await client.post('/touch')).body).toBe('No session\n');
    expect((await client.post('/logout')).body).toBe('No session\n');
    expect(await sessions.count()).toBe(0);
    await client.get('/');
    expect((await client.post('/touch')).body).toBe('Session touched\n');
    expect((await client.get('/logout')).status).toBe(404);
    expect((await client.post('/logout')).body).toBe('Logged out\n');
    expect(client.jar.size).toBe(0);
    expect((await client.get('/')).body).toContain('this page 1 times');
  });

  it('lists sessions by their handles, never by their ids', async () => {
    const client = new Client(running.port);
    await client.get('/');
    const { body } = await client.get('/sessions', { headers: admin });
    const page = JSON.parse(body) as { sessions: { handle: string; data: unknown }[]; cursor: null };
    expect(page.sessions).toHaveLength(1);
    expect(page.sessions[0]).toMatchObject({
      handle: expect.stringMatching(/^sha256:/),
      data: { visits: 1 },
    });
    const id = decodeURIComponent(client.jar.get('sid') ?? '').split('.')[0] ?? '';
    expect(id.length).toBeGreaterThan(21);
    expect(body).not.toContain(id);
  });

  it('ends all sessions on request of the administrator', async () => {
    const client = new Client(running.port);
    await client.get('/');
    expect((await client.get('/sessions/clear', { method: 'POST', headers: admin })).status).toBe(204);
    expect(await sessions.count()).toBe(0);
    expect((await client.get('/')).body).toContain('this page 1 times');
  });

  it.each(['/cleanup/start', '/cleanup/stop', '/index-rebuild/start', '/index-rebuild/stop'])(
    'serves POST %s twice in a row',
    async (path) => {
      const client = new Client(running.port);
      for (let i = 0; i < 2; i++)
        expect((await client.get(path, { method: 'POST', headers: admin })).status).toBe(204);
    },
  );

  it.each([
    ['GET', '/sessions'],
    ['POST', '/sessions/clear'],
    ['POST', '/cleanup/stop'],
  ])(
    'refuses %s %s without the token, with a wrong one and where none is configured',
    async (method, path) => {
      const client = new Client(running.port);
      await client.get('/');
      expect((await client.get(path, { method })).status).toBe(403);
      const wrong = { 'X-Admin-Token': 'b token of this test' };
      expect((await client.get(path, { method, headers: wrong })).status).toBe(403);
      process.env['ADMIN_TOKEN'] = '';
      expect((await client.get(path, { method, headers: { 'X-Admin-Token': '' } })).status).toBe(403);
      process.env['ADMIN_TOKEN'] = admin['X-Admin-Token'];
      expect(await sessions.count()).toBe(1);
    },
  );
});
