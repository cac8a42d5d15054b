// The one error class: codes to branch on, statuses for Express, and recognition across copies of the package.
import { hasCode, SessionError } from '../../src/core/errors.js';

it('carries code, message, cause and the status that Express answers with', () => {
  const cause = new Error('socket closed');
  const error = new SessionError('ERR_SESSION_STORE', 'It failed.', { cause });
  expect(error).toBeInstanceOf(Error);
  expect(error).toMatchObject({
    name: 'SessionError',
    code: 'ERR_SESSION_STORE',
    message: 'It failed.',
    cause,
  });
  expect([error.status, error.statusCode]).toEqual([503, 503]);
});

it.each([
  'ERR_SESSION_CONFLICT',
  'ERR_SESSION_STORE',
  'ERR_SESSION_STORE_TIMEOUT',
  'ERR_SESSION_CLOSED',
] as const)('answers 503 for %s, because trying again may help', (code) => {
  expect(new SessionError(code, '')).toMatchObject({ status: 503, statusCode: 503 });
});

it.each([
  'ERR_SESSION_OPTIONS',
  'ERR_SESSION_ENDED',
  'ERR_SESSION_STORE_CONTRACT',
  'ERR_SESSION_CORRUPT',
] as const)('answers 500 for %s', (code) => {
  expect(new SessionError(code, '')).toMatchObject({ status: 500, statusCode: 500 });
});

it('has no cause unless there is one', () => {
  expect('cause' in new SessionError('ERR_SESSION_KEY', '')).toBe(false);
});

describe('hasCode', () => {
  it('knows an error by its code, also one of another copy of the class', () => {
    const stranger = Object.assign(new Error('x'), { code: 'ERR_SESSION_KEY' });
    expect(hasCode(new SessionError('ERR_SESSION_KEY', ''), 'ERR_SESSION_KEY')).toBe(true);
    expect(hasCode(stranger, 'ERR_SESSION_KEY')).toBe(true);
    expect(hasCode(new SessionError('ERR_SESSION_KEY', ''), 'ERR_SESSION_VALUE')).toBe(false);
  });

  it.each([undefined, null, 'ERR_SESSION_KEY', { code: 'ERR_SESSION_KEY' }, new Error('x')])(
    'is false for %p',
    (thrown) => {
      expect(hasCode(thrown, 'ERR_SESSION_KEY')).toBe(false);
    },
  );
});
