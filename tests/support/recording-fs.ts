// A `node:fs` that tells of every path it is given, before anything happens with it.
import * as fs from 'node:fs';

import type { FileSystem } from '../../src/stores/file/calls.js';

const WITH_PATHS: ReadonlyMap<string, number> = new Map(
  ['open', 'lstat', 'access', 'utimes', 'chmod', 'unlink', 'mkdir', 'rmdir', 'readdir']
    .map((name): [string, number] => [name, 1])
    .concat([
      ['link', 2],
      ['rename', 2],
    ]),
);

type Function = (...args: unknown[]) => unknown;

/** @param onPath May throw: then the call is not made. */
export function recordingFs(onPath: (path: string, call: string) => void): FileSystem {
  const recording: Record<string, Function> = {};
  for (const [name, original] of Object.entries(fs)) {
    if (typeof original !== 'function') continue;
    const call = name.replace(/Sync$/, '');
    const count = WITH_PATHS.get(call) ?? 0;
    recording[name] = (...args) => {
      for (const path of args.slice(0, count)) onPath(String(path), call);
      return (original as Function)(...args);
    };
  }
  return recording as unknown as FileSystem;
}

/** What the store may name below its directory, written down apart from the code that does it. */
const OURS = new RegExp(
  '^(?:' +
    [
      '',
      '/\\.session-store-js(?:\\.[0-9a-f]{16})?',
      '/quarantine(?:/\\d{4}-\\d\\d-\\d\\dT\\d\\d-\\d\\d-\\d\\d\\.\\d{3}Z-[0-9a-f]{64}-[0-9a-f]{8})?',
      '/owners(?:/[0-9a-f]{3}(?:/[0-9a-f]{64}(?:/[0-9a-f]{64})?)?)?',
      '/revoked(?:/(?:everybody|[0-9a-f]{3})(?:/(?:everybody|[0-9a-f]{64})-\\d+)?)?',
      '/[0-9a-f]{3}(?:/[0-9a-f]{64}(?:(?:@|\\.s-)[1-9]\\d*-[0-9a-z]{17,32}-[0-9a-z]{1,11}(?:-closed)?)?)?',
    ].join('|') +
    ')$',
);

/** Whether a path is the store's directory or has the form of something of the store's in it. */
export function isOurs(root: string, path: string): boolean {
  return path.startsWith(root) && OURS.test(path.slice(root.length));
}
