// What Redis does in one atomic step, as Lua.
import { createHash } from 'node:crypto';

import type { Connection } from './client.js';
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
 * Runs a script; a server that does not know it yet, or has been restarted, is given it.
 * @param keys What it works on, on one master.
 */
export async function run(
  { send }: Connection,
  { source, digest }: Script,
  keys: readonly [string, ...string[]],
  ...args: readonly string[]
): Promise<unknown> {
  const rest = [String(keys.length), ...keys, ...args];
  try {
    return await send(keys[0], ['EVALSHA', digest, ...rest]);
  } catch (error) {
    if (!isScriptMissing(error)) throw error;
    return send(keys[0], ['EVAL', source, ...rest]);
  }
}
