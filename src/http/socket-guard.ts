// Keeps a socket while an ended response on it is held.
//
//   handler: res.end('x'); throw error · finalhandler: headersSent, so socket.destroy()
//
// Bare Express has handed 'x' to the socket by then and delivers it. A held response would be lost although its
// session is stored, so a plain destroy() waits for the release and lets the response out first.
import type { ServerResponse } from 'node:http';
import { Socket } from 'node:net';

interface Guard {
  held: number;
  wanted: boolean;
}

const guards = new WeakMap<Socket, Guard>();

/** Returns the release: `deliver` says whether the response left, so that a destroy that was wanted may follow it. */
export function holdSocket(res: ServerResponse): ((deliver: boolean) => void) | undefined {
  const { socket } = res;
  // HTTP/2 lends a proxy of its stream, which forbids this and does not need it.
  if (res.req.httpVersionMajor > 1 || !(socket instanceof Socket)) return undefined;
  const guard = guards.get(socket) ?? install(socket);
  guard.held++;
  return (deliver) => {
    guard.held--;
    if (!guard.wanted || guard.held > 0) return;
    guard.wanted = false;
    if (deliver) socket.destroySoon();
  };
}

/** Once per socket: a connection carries many responses. */
function install(socket: Socket): Guard {
  const guard: Guard = { held: 0, wanted: false };
  guards.set(socket, guard);
  const destroy = socket.destroy.bind(socket);
  socket.destroy = (error?: Error): Socket => {
    // With an error the connection is broken: there is nothing to wait for.
    if (error !== undefined || guard.held === 0) return destroy(error);
    guard.wanted = true;
    return socket;
  };
  return guard;
}
