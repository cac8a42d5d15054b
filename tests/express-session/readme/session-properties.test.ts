// express-session's README, "req.session.id", "req.session.cookie" and "req.sessionID". Sentences 85 to 87, 94 and 95 of its
// API section.
import { data, frozenDate, holding, IMPLEMENTATIONS, sentCookie, site, spyStore } from './support.js';

describe.each(IMPLEMENTATIONS)('%s', (_name, session) => {
  it('85. req.session.id: is an alias of req.sessionID and cannot be modified', async () => {
    const { client } = await site(session, { saveUninitialized: true }, (req, res) => {
      const { sessionID } = req;
      const isSet = Reflect.set(req.session, 'id', 'mine');
      res.json([isSet, req.session.id === sessionID, req.sessionID === sessionID, Object.keys(req.session)]);
    });
    expect(JSON.parse((await client.get('/')).body)).toEqual([false, true, true, ['cookie']]);
  });

  it('86. req.session.cookie: each session has a cookie object of its own', async () => {
    frozenDate();
    const { client } = await site(session, { saveUninitialized: true }, (req, res) => {
      if (req.path === '/long') req.session.cookie.maxAge = 90_000_000;
      res.json(req.session.cookie.originalMaxAge);
    });
    expect((await client.get('/long')).body).toBe('90000000');
    client.jar.clear();
    expect((await client.get('/')).body).toBe('null');
  });

  it('87. req.session.cookie: expires = false keeps the cookie for the duration of the user-agent', async () => {
    const more = { rolling: true, cookie: { maxAge: 60_000 } };
    const { client } = await site(session, more, (req, res) => {
      if (req.path === '/forget') Object.assign(req.session.cookie, { expires: false });
      data(req)['visited'] = true;
      res.send('ok');
    });
    expect(sentCookie(await client.get('/forget'))?.attributes).toEqual({ Path: '/', HttpOnly: true });
    expect(sentCookie(await client.get('/'))?.attributes).toEqual({ Path: '/', HttpOnly: true });
  });

  it('87. req.session.cookie: expires = false replaces a cookie that would outlive the user-agent', async () => {
    const { client } = await site(session, { cookie: { maxAge: 60_000 } }, (req, res) => {
      if (req.path === '/forget') Object.assign(req.session.cookie, { expires: false });
      data(req)['path'] = req.path;
      res.send('ok');
    });
    expect(sentCookie(await client.get('/'))?.attributes).toHaveProperty('Expires');
    expect(sentCookie(await client.get('/forget'))?.attributes).toEqual({ Path: '/', HttpOnly: true });
  });

  it('94. req.sessionID: is the ID of the loaded session', async () => {
    const store = spyStore(session);
    store.texts.set('theirs', JSON.stringify({ cookie: { path: '/' } }));
    const { client } = await site(
      session,
      { store: store.asOption },
      (req, res) => void res.json(req.sessionID),
    );
    expect((await client.get('/', { headers: holding('theirs') })).body).toBe('"theirs"');
  });

  it('95. req.sessionID: is set when a session is loaded or created', async () => {
    const { client } = await site(session, { saveUninitialized: true }, (req, res) => {
      const before = req.sessionID;
      if (req.path === '/') res.json([before]);
      else req.session.regenerate(() => void res.json([before, req.sessionID]));
    });
    const [first] = JSON.parse((await client.get('/')).body) as [string];
    const [before, after] = JSON.parse((await client.get('/new')).body) as [string, string];
    expect(before).toBe(first);
    expect(after).not.toBe(first);
    expect(JSON.parse((await client.get('/')).body)).toEqual([after]);
  });
});
