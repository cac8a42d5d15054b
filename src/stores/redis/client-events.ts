// What a client tells of its connection, as a store tells it.
import type { EventEmitter } from 'node:events';

import { toldOf } from './replies.js';

export interface ConnectionEvents {
  connect(): void;
  disconnect(): void;
  error(error: Error): void;
}

/** Returns what ends it. */
export function followClient(client: object, events: ConnectionEvents): () => void {
  const emitter = client as EventEmitter;
  const { isReady, status } = client as { isReady?: boolean; status?: string };
  let isConnected = isReady ?? status === 'ready';
  const become = (next: boolean): void => {
    if (next === isConnected) return;
    isConnected = next;
    if (next) events.connect();
    else events.disconnect();
  };
  const listeners: Readonly<Record<string, (...args: unknown[]) => void>> = {
    ready: () => become(true),
    reconnecting: () => become(false),
    close: () => become(false),
    end: () => become(false),
    // Those of ioredis have the command, and with it the password.
    error: (error) => events.error(toldOf(error)),
  };
  for (const [event, listener] of Object.entries(listeners)) emitter.on(event, listener);
  return () => {
    for (const [event, listener] of Object.entries(listeners)) emitter.off(event, listener);
  };
}
