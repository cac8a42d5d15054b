// A real server for tests: on a port that was free, in a directory of its own, as a user that is not root, gone with
// the test whatever happens to it (see guard.mjs).
import { execFileSync, spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { chmodSync, chownSync, mkdtempSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

export interface Service {
  readonly port: number;
  /** Its own, e.g. for its sockets and files; it goes with the server. */
  readonly directory: string;
  /** Ends the server as its administrator would. Idempotent. */
  stop(): Promise<void>;
  /** As a power cut would. Idempotent. */
  kill(): Promise<void>;
  /** From here on it answers nobody, with its connections open. */
  pause(): void;
  resume(): void;
  /** As `kill`, but for a while: its port is kept free and its directory as it was, for `restart`. */
  crash(): Promise<void>;
  /** As `stop`, but for a while. */
  halt(): Promise<void>;
  /** After `crash` and `halt`. Resolves when the server takes connections again. */
  restart(): Promise<void>;
}

/** A directory that a server's user owns. */
export interface Place {
  readonly directory: string;
  /** Runs a command that has to be done before the server starts, as its user. */
  prepare(command: string, args: readonly string[]): void;
}

export interface Recipe {
  readonly name: string;
  /** The system user it runs as when the tests run as root. */
  readonly user: string;
  /** Once in a new directory. */
  readonly prepare?: (place: Place) => void;
  readonly command: string;
  readonly args: (port: number, directory: string) => readonly string[];
  /** What it prints when it takes connections. */
  readonly ready: RegExp;
  readonly stopSignal: NodeJS.Signals;
}

export interface ServiceOptions {
  /** Default: a free one. One that was used before, to come back where clients look for it. */
  port?: number;
  /** Arguments besides those that it needs. */
  args?: readonly string[];
}

/** Those that a failed test did not stop. */
const running = new Set<Service>();

afterAll(async () => {
  await Promise.all([...running].map((service) => service.kill()));
});

const GUARD = resolve(__dirname, 'guard.mjs');
const ATTEMPTS = 3;
const START_MS = 60_000;

/** Between the look for a free port and its use another process may take it: then the next one. */
export async function startService(recipe: Recipe, options: ServiceOptions = {}): Promise<Service> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await start(recipe, options.port ?? (await freePort()), options.args ?? []);
    } catch (error) {
      const isTaken = /in use|could not bind/i.test(String(error));
      if (!isTaken || attempt === ATTEMPTS || options.port !== undefined) throw error;
    }
  }
}

async function start(recipe: Recipe, port: number, more: readonly string[]): Promise<Service> {
  const owner = process.getuid?.() === 0 ? idsOf(recipe.user) : null;
  const directory = mkdtempSync(join(tmpdir(), `session-store-js-${recipe.name}-`));
  chmodSync(directory, 0o700);
  if (owner !== null) chownSync(directory, owner.uid, owner.gid);
  recipe.prepare?.({
    directory,
    prepare: (command, args) => {
      execFileSync(command, args, { cwd: directory, stdio: 'pipe', ...owner });
    },
  });
  const ids = owner === null ? ['', ''] : [String(owner.uid), String(owner.gid)];
  const args = [GUARD, directory, ...ids, recipe.command, ...recipe.args(port, directory), ...more];
  // A group of its own: Ctrl-C in a terminal must not take the guard away before the server.
  const guard = spawn(process.execPath, args, { stdio: 'pipe', detached: true });
  const exited = once(guard, 'exit');
  // Writing to one that has just ended is no fault of the test.
  guard.stdin.on('error', () => undefined);
  await printed(guard, recipe, recipe.ready, exited);
  const tell = (line: NodeJS.Signals | 'KEEP' | 'START'): void => {
    if (guard.exitCode === null && guard.signalCode === null) guard.stdin.write(`${line}\n`);
  };
  const end = async (signal: NodeJS.Signals): Promise<void> => {
    tell(signal);
    await exited;
    running.delete(service);
  };
  const forAWhile = async (signal: NodeJS.Signals): Promise<void> => {
    const ended = printed(guard, recipe, / ended with /, exited);
    tell('KEEP');
    tell(signal);
    await ended;
  };
  const service: Service = {
    port,
    directory,
    stop: () => end(recipe.stopSignal),
    kill: () => end('SIGKILL'),
    pause: () => tell('SIGSTOP'),
    resume: () => tell('SIGCONT'),
    crash: () => forAWhile('SIGKILL'),
    halt: () => forAWhile(recipe.stopSignal),
    async restart() {
      const ready = printed(guard, recipe, recipe.ready, exited);
      tell('START');
      await ready;
    },
  };
  running.add(service);
  return service;
}

/** Resolves when the server, or its guard, says it. @throws what was printed, if it does not come to that */
async function printed(
  guard: ChildProcess & { readonly stdin: NodeJS.WritableStream },
  { name }: Recipe,
  sign: RegExp,
  exited: Promise<unknown>,
): Promise<void> {
  let output = '';
  let timer: NodeJS.Timeout | undefined;
  const isSaid = new Promise<true>((resolve) => {
    const read = (chunk: Buffer): void => {
      output += chunk.toString();
      if (sign.test(output)) resolve(true);
    };
    guard.stdout?.on('data', read);
    guard.stderr?.on('data', read);
  });
  const isLate = new Promise<false>((resolve) => {
    timer = setTimeout(resolve, START_MS, false);
  });
  const came = await Promise.race([isSaid, isLate, exited.then(() => false)]);
  clearTimeout(timer);
  if (came) return;
  guard.stdin.end();
  await exited;
  throw new Error(`${name} did not start:\n${output}`);
}

/** Outside the range from which systems give ports to those who ask for any: it stays free for a server's return. */
async function freePort(): Promise<number> {
  const port = randomInt(20_000, 32_768);
  const server = createServer();
  try {
    await once(server.listen(port, '127.0.0.1'), 'listening');
  } catch {
    return freePort();
  }
  server.close();
  await once(server, 'close');
  return port;
}

function idsOf(user: string): { uid: number; gid: number } {
  const id = (flag: string): number => Number(execFileSync('id', [flag, user]).toString());
  return { uid: id('-u'), gid: id('-g') };
}

/** True if a command can be run. */
export const hasCommand = (command: string): boolean =>
  spawnSync(command, ['--version'], { stdio: 'ignore' }).status === 0;
