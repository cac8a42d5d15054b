// A cookie option that is not there, in any of the ways to say so.
import { counting, IMPLEMENTATIONS, sentCookie, site } from './readme/support.js';

describe.each(IMPLEMENTATIONS)('%s', (_name, session) => {
  it.each([undefined, null, false])('takes the cookie option %p for none', async (cookie) => {
    const { client } = await site(session, { cookie: cookie as never }, counting);
    expect(sentCookie(await client.get('/'))?.attributes).toEqual({ Path: '/', HttpOnly: true });
  });
});
