// Pages whose origin only looks like ours: none of them opens the session of a WebSocket.
import { closeWorlds, codeOf, createRequest, createWorld } from '../session-manager/world.js';

afterEach(closeWorlds);

it('S52 a page opens a session from its own host only, however much like it another is called', async () => {
  const { client, on, sessions } = await createWorld();
  on('/set', async (req, res) => {
    await sessions.set(req, 'a', 1);
    res.end();
  });
  await client.get('/set');
  const codeFrom = (origin: string): Promise<unknown> => {
    const req = createRequest(client.cookie);
    Object.assign(req.headers, { host: 'app.example', origin });
    return codeOf(sessions.open(req));
  };
  for (const host of [
    ...['evilapp.example', 'evil.app.example', 'app.example.evil.example', 'app.example:8443', 'example'],
    ...['app.example@evil.example', 'evil.example/app.example', 'evil.example#app.example', 'app-example'],
  ])
    expect([host, await codeFrom(`https://${host}`)]).toEqual([host, 'ERR_SESSION_ORIGIN']);
  expect(await codeFrom('https://app.example')).toBeUndefined();
});
