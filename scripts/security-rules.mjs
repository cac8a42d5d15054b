// The security rules by number: what each promises in one sentence, and why one is not proved yet. Tests name the
// numbers that they prove; `test-security.mjs` brings both together. Numbers that are missing were never given.

const FORMAT = 'there is no compression and no encryption yet: both come with the encoding layer';
const ADMIN = 'there is no admin interface yet';

/**
 * @typedef {object} Rule
 * @property {number} number
 * @property {string} sentence
 * @property {string} [later] Why nothing can be tested yet.
 */

/** @type {readonly Rule[]} */
export const RULES = [
  // Identifier
  [1, 'An id is 256 bits of the system’s random source; without that source no session begins.'],
  [2, 'An id says nothing: not who, not when, not which came before.'],
  [3, 'What generateId returns is checked each time it is used.'],
  [4, 'A cookie counts only under a whole HMAC-SHA-256 of one of the secrets, compared in constant time.'],
  [5, 'A value that was signed for one cookie is refused in another.'],
  [6, 'Secrets can be rotated, and production refuses short ones and placeholders.'],
  [7, 'An id that the store does not know is never taken over (CVE-2024-38513).'],
  [8, 'A new session never meets one that is there: an id in use means another id.'],
  [9, 'What has not the form of an id reaches no store.'],
  [10, 'The id comes from the cookie and from nowhere else on the request.'],
  [11, 'Only the hash of an id is kept, and no such hash opens a session (CVE-2019-16782).'],
  [12, 'A login takes a new id, and the old one is dead by then (CVE-2022-25896).'],
  // Cookie
  [13, 'The cookie is HttpOnly, SameSite=Lax, for its host only, and Secure in production.'],
  [14, 'The prefixes __Host- and __Secure- are kept, in any case of letters.'],
  [15, 'The cookie’s name tells nobody what the server runs.'],
  [16, 'SameSite=None and Partitioned never go without Secure.'],
  [17, 'A Secure cookie on a plain request is sent all the same, with one warning that says what to set.'],
  [18, 'No cookie is larger or lives longer than browsers allow.'],
  [19, 'Nothing that could break out of its place gets into a Set-Cookie line (CVE-2024-47764).'],
  [20, 'A duration that is none is refused; it never means "for ever".'],
  [21, 'Only the request that ended a session clears its cookie, with the attributes it was set with.'],
  [22, 'Of several cookies of the name up to four are tried, in any order.'],
  [23, 'The largest Cookie header costs under a millisecond, and twice the header twice that.'],
  [24, 'Cookies named like the properties of objects do nothing.'],
  [25, 'A cookie that only looks like ours neither replaces nor hides it.'],
  // Lifetime and revocation
  [26, 'A session that was idle for too long is over when it is read, swept or not.'],
  [27, 'No use moves the absolute end; a login starts it anew.'],
  [28, 'The cookie of an ended or expired session is refused for ever.'],
  [29, 'A write or a touch that comes too late creates nothing (CVE-2025-46336).'],
  [30, 'A response that is slower than a logout sets no cookie.'],
  [31, 'A user’s sessions can be listed, limited and ended, whole, also while one begins.'],
  [
    32,
    'The end of a session reaches caches, fallbacks and regions in a stated time.',
    'there are no caches, fallbacks or regions yet',
  ],
  [33, 'An empty id or key names no session.'],
  // Data
  [34, 'No key of the data reaches a prototype or hides a method.'],
  [35, 'Data that is too large, too deep or no JSON fails at once, with a code.'],
  [36, 'What is read from a store becomes data, whatever it says.'],
  [37, 'What is decompressed has a limit.', FORMAT],
  [38, 'Data is encrypted with AES-256-GCM, bound to its place.', FORMAT],
  [39, 'Encryption keys have ids, can be rotated and revoked.', FORMAT],
  [40, 'An encrypted store takes no plain text for its own (CVE-2026-39324).', FORMAT],
  [41, 'No id, cookie, secret or session data gets into logs, errors, events or what objects show.'],
  // HTTP
  [43, 'A response that sets the cookie is kept by no cache.'],
  [44, 'A response that depends on the session says so to caches.'],
  [45, 'Junk, logouts and sessions that nobody changed leave no row (CVE-2015-5143).'],
  [46, 'A flood of new sessions costs no user their session.'],
  [48, 'Admin routes change nothing by GET, ask who it is, and refuse other sites.', ADMIN],
  [49, 'The dashboard shows no id and runs no foreign script.', ADMIN],
  [52, 'A WebSocket opens a session from its own origin only, and hears of its end.'],
  // Stores
  [53, 'A file has the name of a hash, never one that a client chose (CVE-2025-61686).'],
  [54, 'No link is followed, no file of others opened, and no directory used that others can write.'],
  [55, 'Files are 0600 and directories 0700, whatever the umask.'],
  [56, 'Sweeping and clearing leave files of others alone.'],
  [57, 'What is no text is no key, in any store.'],
  [58, 'SQL names are checked and quoted, values bound.'],
  [59, 'Redis prefixes are escaped, and nothing but our keys is touched.'],
].map(([number, sentence, later]) => ({ number, sentence, later }));
