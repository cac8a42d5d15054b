// Records for tests that call a store directly, and what its directory should look like afterwards.
import { readdirSync } from 'node:fs';
import { join } from 'node:path';

import { newVersion, type SessionId, type SessionKey, type SessionRecord } from '../../src/index.js';
import { handleOf, randomId } from '../../src/core/ids.js';

const HOUR_MS = 3_600_000;

export const newKey = (id: SessionId = randomId()): SessionKey => handleOf(id) as string as SessionKey;

/** A session that ends in an hour. */
export function newRecord(data = '{}', change: Partial<SessionRecord> = {}): SessionRecord {
  const now = Date.now();
  const facts = { v: 1, key: newKey(), version: newVersion(), createdAt: now, deadlineAt: null } as const;
  return { ...facts, idleMs: HOUR_MS, expiresAt: now + HOUR_MS, data, ...change };
}

/** What should not be in a store's directory when nobody is writing: empty if all is tidy. */
export function oddities(path: string): string[] {
  const found: string[] = readdirSync(path).filter((file) => file.startsWith('.session-store-js.'));
  for (const shard of readdirSync(path).filter((file) => /^[0-9a-f]{3}$/.test(file))) {
    const tokens = new Map<string, number>();
    const files = readdirSync(join(path, shard));
    for (const file of files) {
      const name = file.slice(0, 64);
      if (file.includes('.s-')) found.push(`staged: ${file}`);
      else if (file.includes('@')) tokens.set(name, (tokens.get(name) ?? 0) + 1);
      else if (!tokens.has(file)) tokens.set(file, 0);
    }
    for (const [name, count] of tokens)
      if (count !== 1 || !files.includes(name)) found.push(`${String(count)} tokens: ${name}`);
  }
  return found;
}
