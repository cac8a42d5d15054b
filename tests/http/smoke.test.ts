import { SessionManager } from '../../src/index.js';
import { Client, EXPRESS, serve } from '../support/http.js';
import { SECRET } from '../support/secret.js';

describe.each(EXPRESS)('%s', (_name, express) => {
  it('counts visits', async () => {
    const sessions = new SessionManager({ secret: SECRET });
    const app = express();
    app.use(sessions.middleware());
    app.get('/', async (req, res) => {
      res.send(String(await sessions.update(req, 'visits', (n: number = 0) => n + 1)));
    });
    const running = await serve(app);
    const client = new Client(running.port);
    for (const visits of ['1', '2', '3']) expect((await client.get('/')).body).toBe(visits);
    await running.close();
    await sessions.close();
  });
});
