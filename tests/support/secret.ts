/** Long enough for production. */
export const SECRET = 'a secret for tests, longer than thirty-two bytes';
