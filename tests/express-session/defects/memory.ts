// Sessions in memory, the MemoryStore of each: M12.
import { setTimeout as pause } from 'node:timers/promises';

import type { SessionData } from 'express-session';

import { verdict, type Scenario } from './scenario.js';

const SESSIONS = 1_000;
const LIFE_MS = 100;
/** A sweep may leave to the next one what ended in the second before. */
const OVER_MS = LIFE_MS + 1_100;
const SWEEPS_MS = 120_000;

const expired: Scenario = {
  id: 'M12',
  what: `of ${SESSIONS} expired sessions the memory store keeps none`,
  async run(subject) {
    // The sessions end in real time; only the wait for the sweep, a minute by default, is skipped.
    jest.useFakeTimers({
      doNotFake: ['Date', 'performance', 'hrtime', 'nextTick', 'setImmediate', 'queueMicrotask'],
    });
    try {
      const store = subject.memoryStore();
      for (let i = 0; i < SESSIONS; i++) {
        const cookie = { originalMaxAge: LIFE_MS, expires: new Date(Date.now() + LIFE_MS) };
        const session = { cookie } as unknown as SessionData;
        await new Promise((done) => store.set(`session-${i}`, session, done));
      }
      await pause(OVER_MS);
      const before = await subject.held(store);
      if (before !== SESSIONS) throw new Error(`${before} of ${SESSIONS} are held before any sweep`);
      jest.advanceTimersByTime(SWEEPS_MS);
      // A sweep works in slices.
      for (let looks = 0; looks < 20 && (await subject.held(store)) > 0; looks++) await pause(10);
      const held = await subject.held(store);
      return verdict(held > 0 && `${held} are held for ever`);
    } finally {
      jest.useRealTimers();
    }
  },
};

export const memoryScenarios: readonly Scenario[] = [expired];
