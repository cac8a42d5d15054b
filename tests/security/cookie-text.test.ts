// What may stand in a Set-Cookie line: any text for its name, path, domain and value, tried over real HTTP.
import { data, dropIn, site } from '../express-session/readme/support.js';
import type { Answer } from '../support/http.js';
import { attributesOf, visit } from './visit.js';

/** Visible ASCII without the separator of attributes. */
const isHarmless = (text: string): boolean => /^[\x20-\x3a\x3c-\x7e]*$/.test(text);

describe('S19 a character', () => {
  const characters = Array.from({ length: 0x300 }, (_, code) => String.fromCharCode(code)).concat(
    '\u2028',
    '\u560a\u560d',
    '\ud83d\ude00',
    '\r\nSet-Cookie: evil=1',
    '; Secure',
    ';Domain=evil.example',
  );

  it.each(['cookieName', 'path', 'domain'] as const)(
    'that could end its place in the line is refused, any other arrives as it is: %s',
    async (option) => {
      const wrong: string[] = [];
      let count = 0;
      for (const character of characters) {
        const text = `/a${character}b`.slice(option === 'path' ? 0 : 1);
        const options = option === 'cookieName' ? { cookieName: text } : { cookie: { [option]: text } };
        const answer = await visit(options);
        if (answer === 'ERR_SESSION_OPTIONS') {
          if (/^[\w.-]$/.test(character)) wrong.push(`refused: ${JSON.stringify(text)}`);
          continue;
        }
        count++;
        const { cookies, headers } = answer as Answer;
        const [line = ''] = cookies;
        const shown =
          option === 'cookieName' ? `${text}=` : `; ${option === 'path' ? 'Path' : 'Domain'}=${text}`;
        const expected = [
          'httponly',
          'max-age',
          'path',
          'samesite',
          ...(option === 'domain' ? ['domain'] : []),
        ];
        const isWhole =
          cookies.length === 1 &&
          /^[\x20-\x7e]+$/.test(line) &&
          line.includes(shown) &&
          !('evil' in headers) &&
          [...attributesOf(line).keys()].sort().join() === expected.sort().join();
        if (!isWhole || !isHarmless(text)) wrong.push(`sent: ${JSON.stringify(line)}`);
      }
      expect(wrong).toEqual([]);
      expect(count).toBeGreaterThan(60);
    },
  );

  it('that no id has is no part of a value', async () => {
    const wrong: string[] = [];
    for (const character of [
      ...characters.slice(0, 0x100),
      '\u0130',
      '\ud83d\ude00',
      '\r\nSet-Cookie: evil=1',
    ]) {
      if (/^[\w-]$/.test(character)) continue;
      const answer = (await visit({ generateId: () => `${'x'.repeat(30)}${character}` })) as Answer;
      if (answer.status !== 500 || answer.cookies.length > 0) wrong.push(JSON.stringify(character));
    }
    expect(wrong).toEqual([]);
  });

  it('changes no line of the drop-in: it is refused, by the options or by the answer', async () => {
    const hostile = characters.filter((each) => !isHarmless(each) && (each.length > 1 || each < '\x80'));
    expect(hostile.length).toBeGreaterThan(30);
    for (const character of hostile) {
      const text = `a${character}b`;
      for (const options of [
        { name: text },
        { cookie: { path: `/${text}` } },
        { cookie: { domain: text } },
      ]) {
        const opened = site(dropIn, options, (req, res) => {
          data(req)['a'] = 1;
          res.end();
        });
        const answer = await opened.then(
          ({ client }) => client.get(`/${encodeURIComponent(text)}`),
          () => null,
        );
        expect([character, answer?.cookies ?? []]).toEqual([character, []]);
      }
    }
  });
});
