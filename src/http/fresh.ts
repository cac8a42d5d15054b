// Step-up: routes that ask for a recent login.
import { A_DURATION, isDuration, toMs, type Duration } from '../core/duration.js';
import { SessionError } from '../core/errors.js';
import type { Engine } from './engine.js';
import { requestSession, type Middleware } from './middleware.js';

/** @throws {SessionError} ERR_SESSION_OPTIONS */
export function requireFresh(engine: Engine, maxAge: Duration): Middleware {
  if (!isDuration(maxAge))
    throw new SessionError('ERR_SESSION_OPTIONS', `requireFresh(maxAge) takes ${A_DURATION}.`);
  const check = async (req: Parameters<Middleware>[0]): Promise<void> => {
    const session = requestSession(req, engine);
    await session.load();
    session.assertStored();
    const { record } = session;
    if (record?.owner !== undefined && Math.abs(engine.config.clock.now() - record.createdAt) < toMs(maxAge))
      return;
    throw new SessionError(
      'ERR_SESSION_NOT_FRESH',
      'This asks for a recent login: check the password again, then login(req, userId, { keepData: true }).',
    );
  };
  return (req, _res, next) => {
    check(req).then(() => {
      next();
    }, next);
  };
}
