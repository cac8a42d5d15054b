// Beside @types/express-session, which gives `req.session` a type of its own for the whole program.
import express from 'express';
import session from 'express-session';
import SessionManager from 'session-store-js';

declare module 'express-session' {
  interface SessionData {
    views: number;
  }
}

const secret = 'a secret for consumers, longer than thirty-two bytes';
const sessions = new SessionManager<{ userId: string }>({ secret, property: false });
const app = express();
app.use(session({ secret, resave: false, saveUninitialized: false }));
app.use(sessions.middleware());
app.get('/', async (req, res) => {
  req.session.views = (req.session.views ?? 0) + 1;
  await sessions.set(req, 'userId', 'ada');
  const ours: string | undefined = sessions.session(req).userId;
  res.json({ views: req.session.views, ours, id: req.sessionID });
});
