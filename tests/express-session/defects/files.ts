// Sessions in files, session-file-store beside FileStore: M14 and M15.
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';

import { runInChild } from '../../support/child.js';
import { SECRET } from '../../support/secret.js';
import { freshPath } from './paths.js';
import { expressSession, type AnyStore, type Subject } from './subject.js';
import { dataOf, open, unlessKnown, verdict, type Scenario } from './scenario.js';

const filesIn = (path: string): string[] =>
  readdirSync(path, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));

const outside: Scenario = {
  id: 'M14',
  what: 'an id like ../x reaches no file outside the directory',
  async run(subject) {
    const path = freshPath();
    const victim = join(dirname(path), 'victim.json');
    writeFileSync(victim, 'precious');
    await using site = await open(subject, subject.fileStore(path), { genid: () => '../victim' });
    await site.client.get('/login');
    const isWritten = readFileSync(victim, 'utf8') !== 'precious';
    const answer = await site.client.get('/me');
    await site.client.get('/logout');
    return verdict(
      unlessKnown(answer),
      isWritten && 'a file outside is overwritten',
      !existsSync(victim) && 'a file outside is deleted',
    );
  },
};

const modes: Scenario = {
  id: 'M14',
  what: 'the files are for the user of the process only',
  async run(subject) {
    const path = freshPath();
    const mask = process.umask(0o022);
    try {
      await using site = await open(subject, subject.fileStore(path));
      await site.client.get('/login');
      const files = filesIn(path);
      if (files.length === 0) throw new Error('no file was written');
      const found = new Set(files.map((file) => (statSync(file).mode & 0o777).toString(8).padStart(4, '0')));
      return verdict([...found].join() !== '0600' && [...found].join());
    } finally {
      process.umask(mask);
    }
  },
};

/** The five retries of session-file-store take 250 ms at least; a file that is not there, no time. */
const QUICK_MS = 200;

const misses: Scenario = {
  id: 'M14',
  what: 'a cookie without a session is answered at once',
  async run(subject) {
    await using site = await open(subject, subject.fileStore(freshPath()));
    await site.client.get('/login');
    const gone = site.client.clone();
    await site.client.get('/logout');
    const start = performance.now();
    const { body } = await gone.get('/me');
    const ms = performance.now() - start;
    return verdict(body !== 'nobody' && `it is ${body}'s`, ms > QUICK_MS && `after ${Math.round(ms)} ms`);
  },
};

const LIFE_MS = 400;

const FILE_STORES: readonly [string, (subject: Subject, path: string) => AnyStore][] = [
  ['the file store', (subject, path) => subject.fileStore(path)],
  // It creates what it is asked to touch: then it must not be asked.
  ['session-file-store', ({ express }, path) => expressSession(express).fileStore(path)],
];

const revivals = FILE_STORES.map(([name, storeOf]): Scenario => ({
  id: 'M15',
  what: `a session that ends during a request stays ended, ${name}`,
  async run(subject) {
    await using site = await open(subject, storeOf(subject, freshPath()), {
      cookie: { maxAge: LIFE_MS },
      routes(app) {
        app.get('/slow', async (req, res) => {
          // Real time: session-file-store knows no other.
          await pause(LIFE_MS + 50);
          res.send(req.sessionID);
        });
      },
    });
    await site.client.get('/login');
    const before = site.client.clone();
    const { body: id } = await site.client.get('/slow');
    const { body: now } = await before.get('/id');
    const { body: user } = await before.get('/me');
    return verdict(now === id && `it is there again, and ${user}'s`);
  },
}));

const badFile: Scenario = {
  id: 'M15',
  what: 'a bad file ends no process',
  async run(subject) {
    const path = freshPath();
    const { code, output, errors } = await runInChild(`
      const [path, secret] = ${JSON.stringify([path, SECRET])};
      const { writeFileSync } = require('node:fs');
      const { dirname, join, resolve: toPath } = require('node:path');
      // A package's ./x.js is JavaScript, though that of our sources is TypeScript.
      const modules = require('node:module');
      const find = modules._resolveFilename;
      modules._resolveFilename = (name, parent, ...rest) => {
        const isTheirs = name.startsWith('.') && parent?.filename?.includes('node_modules');
        return find(isTheirs ? toPath(dirname(parent.filename), name) : name, parent, ...rest);
      };
      ${subject.ownProcess}
      const app = require('express')();
      app.use(session({ store, secret, resave: false, saveUninitialized: false }));
      app.get('/login', (req, res) => { req.session.user = 'alice'; res.send(req.sessionID); });
      app.get('/me', (req, res) => { res.send(req.session.user ?? 'nobody'); });
      app.use((error, req, res, next) => { res.status(500).send('failed'); });
      const server = app.listen(0, '127.0.0.1', async () => {
        const site = 'http://127.0.0.1:' + server.address().port;
        const login = await fetch(site + '/login');
        const cookie = login.headers.get('set-cookie').split(';')[0];
        writeFileSync(fileOf(await login.text()), 'not a session', { flag: 'r+' });
        console.log('a bad file');
        await fetch(site + '/me', { headers: { cookie } });
        console.log('an answer');
        process.exit();
      });
    `);
    if (!output.startsWith('a bad file')) throw new Error(`it did not come so far: ${output}${errors}`);
    const [, thrown = `code ${code}`] = /\^\n+(.+)/.exec(errors) ?? [];
    return verdict(!output.includes('an answer') && `the process ends: ${thrown}`);
  },
};

const swapped: Scenario = {
  id: 'M15',
  what: 'the file of a session is of no use in the place of another',
  async run(subject) {
    const path = freshPath();
    await using site = await open(subject, subject.fileStore(path, SECRET), {
      routes(app) {
        app.get('/visit', (req, res) => {
          dataOf(req)['visited'] = true;
          res.send(req.sessionID);
        });
      },
    });
    const [alice, mallory] = [site.client, site.client.clone()];
    await alice.get('/login');
    const { body: source } = await alice.get('/id');
    const { body: target } = await mallory.get('/visit');
    const text = readFileSync(subject.fileOf(site.store, path, source));
    const place = subject.fileOf(site.store, path, target);
    if (!existsSync(place)) throw new Error('the session lies elsewhere');
    writeFileSync(place, text);
    const { body } = await mallory.get('/me');
    return verdict(body !== 'nobody' && `it makes its bearer ${body}`, unlessKnown(await alice.get('/me')));
  },
};

export const fileScenarios: readonly Scenario[] = [outside, modes, misses, ...revivals, badFile, swapped];
