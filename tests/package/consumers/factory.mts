// Store factories of the ecosystem that want the whole of express-session take the drop-in.
import memorystore from 'memorystore';
import session from 'session-store-js/express-session';

const MemoryStore = memorystore(session);
export const middleware = session({
  secret: 'a secret for consumers, longer than thirty-two bytes',
  store: new MemoryStore({ checkPeriod: 60_000 }),
  resave: false,
  saveUninitialized: false,
});
