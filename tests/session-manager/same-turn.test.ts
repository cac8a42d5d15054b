// A handler that changes the session in the turn in which it sends the response, behind the call that sends it.
import { closeWorlds, createWorld, type Handler } from './world.js';

afterEach(closeWorlds);

type Session = Record<string, unknown>;
type Response = Parameters<Handler>[1];

const SENT: readonly (readonly [string, (res: Response, change: () => void) => void])[] = [
  [
    'send',
    (res, change) => {
      res.send('sent');
      change();
    },
  ],
  [
    'redirect',
    (res, change) => {
      res.redirect('/data');
      change();
    },
  ],
  [
    'a first write',
    (res, change) => {
      res.write('one');
      change();
      res.end('two');
    },
  ],
  [
    'flushHeaders',
    (res, change) => {
      res.flushHeaders();
      change();
      res.end('body');
    },
  ],
];

describe.each([{ asyncOnly: false }, { asyncOnly: true }])('stored too, %j, behind', (options) => {
  it.each(SENT)('%s: what is set and what is deleted', async (_name, send) => {
    const world = await createWorld(options);
    const { sessions, client, on } = world;
    const session = async (req: Parameters<Handler>[0]): Promise<Session> => {
      await sessions.load(req);
      return sessions.session(req);
    };
    on('/login', async (req, res) => {
      (await session(req))['user'] = 'eve';
      res.end();
    });
    on('/change', async (req, res) => {
      const data = await session(req);
      send(res, () => {
        data['late'] = 1;
        delete data['user'];
      });
    });
    on('/data', async (req, res) => {
      res.json(await sessions.all(req));
    });
    await client.get('/login');
    expect((await client.get('/data')).body).toBe('{"user":"eve"}');
    await client.get('/change');
    expect((await client.get('/data')).body).toBe('{"late":1}');
    expect(world.warnings).toEqual([]);
  });
});
