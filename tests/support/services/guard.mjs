// Stands between a test and the server that it started, in a process group of its own: when the test's end of the pipe
// closes, for whatever reason, a `kill -9` of the test included, the server dies and its directory goes.
//
// node guard.mjs <directory> <uid> <gid> <command> [arguments]; a line on the standard input is a signal to hand on, or
// KEEP: the next end of the server is not the last one; START: once more, in the same directory.
import { spawn } from 'node:child_process';
import { rmSync } from 'node:fs';
import { createInterface } from 'node:readline';

const [directory, uid, gid, command, ...args] = process.argv.slice(2);
const user = uid === '' ? {} : { uid: Number(uid), gid: Number(gid) };
let server = null;
let keeps = false;

const orders = { KEEP: () => (keeps = true), START: start };
start();

// The one who reads what the server prints may be gone.
for (const stream of [process.stdout, process.stderr]) stream.on('error', () => undefined);
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, leave);
createInterface({ input: process.stdin })
  .on('line', (line) => (orders[line] ?? handOn)(line))
  .on('close', leave);

function start() {
  server = spawn(command, args, { cwd: directory, stdio: ['ignore', 'inherit', 'inherit'], ...user });
  server.on('error', (error) => end(error.message));
  server.on('exit', (code, signal) => {
    const reason = `${command} ended with ${signal ?? code}`;
    server = null;
    if (!keeps) return end(reason);
    keeps = false;
    process.stderr.write(`${reason}\n`);
  });
}

function handOn(signal) {
  if (server === null) end(`${command} was not running`);
  else server.kill(signal);
}

function leave() {
  keeps = false;
  handOn('SIGKILL');
}

function end(reason) {
  rmSync(directory, { recursive: true, force: true, maxRetries: 5 });
  process.stderr.write(`${reason}\n`, () => process.exit(1));
}
