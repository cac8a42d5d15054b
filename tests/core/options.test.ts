// Options: one error that names every wrong field and what it expects.
import { checkOptions, type Fields } from '../../src/core/options.js';
import { thrownBy } from '../support/failures.js';

let built = 0;
const schema = ({ z, field }: Fields) => {
  built++;
  return z.strictObject({
    maxAge: field(z.number().positive(), 'a number above 0'),
    secret: field(z.string().or(z.array(z.string())), 'a string or a list'),
    cookie: z.strictObject({ path: field(z.string(), 'a path') }).optional(),
  });
};
const check = (options: unknown): void => {
  checkOptions('Thing', schema, options);
};

it('accepts what the schema accepts, and leaves every field optional', () => {
  for (const options of [
    {},
    { maxAge: 1, secret: ['a'] },
    { secret: 'a', cookie: { path: '/' } },
    { maxAge: undefined },
  ])
    expect(() => {
      check(options);
    }).not.toThrow();
});

it('names every wrong field at once, nested ones by their path', () => {
  const error = thrownBy(() => {
    check({ maxAge: -1, secret: 5, cookie: { path: 1 } });
  });
  expect(error).toMatchObject({ name: 'SessionError', code: 'ERR_SESSION_OPTIONS', status: 500 });
  expect(error.message).toBe(
    'Wrong options for Thing: "maxAge" must be a number above 0; "secret" must be a string or a list; "cookie.path" must be a path.',
  );
});

it.each([NaN, Infinity, -Infinity, '1', null, 0])('never takes %p for a duration (S20)', (maxAge) => {
  expect(() => {
    check({ maxAge });
  }).toThrow('"maxAge" must be a number above 0');
});

it('names options that do not exist, with the one that was probably meant', () => {
  expect(() => {
    check({ maxage: 1 });
  }).toThrow('Wrong options for Thing: "maxage" is not an option, "maxAge" is.');
  expect(() => {
    check({ ttl: 1, foo: 2 });
  }).toThrow('"ttl" is not an option (there are: maxAge, secret, cookie); "foo" is not an option');
  expect(() => {
    check({ cookie: { domain: 1 } });
  }).toThrow('"cookie.domain" is not an option');
});

it.each([null, undefined, 5, 'x', []])('refuses %p as options', (options) => {
  expect(() => {
    check(options);
  }).toThrow('Wrong options for Thing: the options must be an object.');
});

it('S41 never shows the value of an option: it may be a secret', () => {
  const error = thrownBy(() => {
    check({ secret: { value: 'hunter2' }, hunter: 'hunter2' });
  });
  expect(error.message).not.toContain('hunter2');
});

it('builds a schema once', () => {
  check({});
  check({});
  expect(built).toBe(1);
});
