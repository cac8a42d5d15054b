// The names of all events of a manager; does not compile where one is missing.
import type { SessionEvents } from '../../src/http/engine.js';

const NAMES: Readonly<Record<keyof SessionEvents, true>> = {
  created: true,
  committed: true,
  destroyed: true,
  renewed: true,
  suspicious: true,
  expired: true,
  interrupted: true,
  conflict: true,
  large: true,
  error: true,
};

export const EVENTS = Object.keys(NAMES) as readonly (keyof SessionEvents)[];
