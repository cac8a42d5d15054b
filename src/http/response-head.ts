// The head of a response: taking it down, putting it back, and applying what writeHead was given.
import type { OutgoingHttpHeaders, ServerResponse } from 'node:http';

import { isHttp1 } from './pretend-sent.js';

export interface StatusLine {
  readonly status: number;
  readonly message: string;
}

export interface ResponseHead {
  readonly line: StatusLine;
  readonly headers: Readonly<OutgoingHttpHeaders>;
}

export function headOf(res: ServerResponse): ResponseHead {
  const headers = res.getHeaders();
  // appendHeader() adds to the list that is there.
  for (const name in headers) if (Array.isArray(headers[name])) headers[name] = [...headers[name]];
  return { line: lineOf(res), headers };
}

/** Touches only what differs: Node remembers which headers were removed, and how their names were written. */
export function restoreHead(res: ServerResponse, head: ResponseHead): void {
  for (const name of res.getHeaderNames()) if (!Object.hasOwn(head.headers, name)) res.removeHeader(name);
  for (const [name, value] of Object.entries(head.headers))
    if (value !== undefined && res.getHeader(name) !== value) res.setHeader(name, value);
  setLine(res, head.line);
}

export function lineOf(res: ServerResponse): StatusLine {
  // HTTP/2 has no message and warns whoever reads it.
  return { status: res.statusCode, message: isHttp1(res) ? res.statusMessage : '' };
}

/** Touches only what differs: a response that gets another field changes its shape, which costs 3 us. */
export function setLine(res: ServerResponse, { status, message }: StatusLine): void {
  if (res.statusCode !== status) res.statusCode = status;
  if (isHttp1(res) && res.statusMessage !== message) res.statusMessage = message;
}

/** The headers argument of writeHead: an object, a flat list of names and values, or a list of pairs. */
export function applyHeaders(res: ServerResponse, headers: unknown): void {
  if (typeof headers !== 'object' || headers === null) return;
  if (!Array.isArray(headers)) {
    for (const [name, value] of Object.entries(headers)) res.setHeader(name, value as string);
    return;
  }
  const flat: unknown[] = Array.isArray(headers[0]) ? headers.flat() : headers;
  if (flat.length % 2 !== 0)
    throw Object.assign(new TypeError("The argument 'headers' is invalid"), {
      code: 'ERR_INVALID_ARG_VALUE',
    });
  for (let index = 0; index < flat.length; index += 2) res.removeHeader(String(flat[index]));
  for (let index = 0; index < flat.length; index += 2)
    res.appendHeader(String(flat[index]), flat[index + 1] as string | string[]);
}
