// What Redis does in one atomic step, as Lua.
import { createHash } from 'node:crypto';

import type { Connection, Master } from './client.js';
import { isScriptMissing } from './replies.js';

export interface Script {
  readonly source: string;
  /** By which a server knows it. */
  readonly digest: string;
}

export const script = (source: string): Script => ({
  source,
  digest: createHash('sha1').update(source).digest('hex'),
});

/**
 * Runs a script.
 * @param keys What it works on, on one master.
 */
export function run(
  { send }: Connection,
  script: Script,
  keys: readonly [string, ...string[]],
  ...args: readonly string[]
): Promise<unknown> {
  return runOn({ send: (command) => send(keys[0], command) }, script, keys, args);
}

/** Runs a script on one master, which is given it if it does not know it yet, or has been restarted. */
export async function runOn(
  { send }: Master,
  { source, digest }: Script,
  keys: readonly string[],
  args: readonly string[],
): Promise<unknown> {
  const rest = [String(keys.length), ...keys, ...args];
  try {
    return await send(['EVALSHA', digest, ...rest]);
  } catch (error) {
    if (!isScriptMissing(error)) throw error;
    return send(['EVAL', source, ...rest]);
  }
}
