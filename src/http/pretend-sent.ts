// Makes a response that is held look sent, and takes that back.
import { OutgoingMessage, type ServerResponse } from 'node:http';

/** Node's own "the headers are rendered": every getter and every throwing setter of HTTP/1 looks at this one field. */
interface Rendered {
  _header: string | null;
}

const BLOCKED = ['setHeader', 'appendHeader', 'removeHeader'] as const;

/** Node's own error for what comes after the headers. */
export function headersSent(res: ServerResponse): Error {
  const [code, message] = isHttp1(res)
    ? ['ERR_HTTP_HEADERS_SENT', 'Cannot write headers after they are sent to the client']
    : ['ERR_HTTP2_HEADERS_SENT', 'Response has already been initiated.'];
  return Object.assign(new Error(message), { code });
}

const PLACEHOLDER = 'held by session-store-js';

/** And not HTTP/2's compatibility API. */
export const isHttp1 = (res: ServerResponse): boolean => res instanceof OutgoingMessage;

export function pretendSent(res: ServerResponse): void {
  if (isHttp1(res)) {
    (res as unknown as Rendered)._header ??= PLACEHOLDER;
    return;
  }
  // HTTP/2: `headersSent` and `_header` are getters of the prototype.
  Object.defineProperty(res, 'headersSent', { configurable: true, value: true });
  for (const method of BLOCKED) {
    Object.defineProperty(res, method, {
      configurable: true,
      value: () => {
        const error = new Error(
          `Cannot ${method.replace('Header', '')} headers after they are sent to the client`,
        );
        throw Object.assign(error, { code: 'ERR_HTTP2_HEADERS_SENT' });
      },
    });
  }
}

export function unpretend(res: ServerResponse): void {
  if (isHttp1(res)) {
    const rendered = res as unknown as Rendered;
    if (rendered._header === PLACEHOLDER) rendered._header = null;
    return;
  }
  Reflect.deleteProperty(res, 'headersSent');
  for (const method of BLOCKED) Reflect.deleteProperty(res, method);
}

/** Whether nobody is there to answer: the client has gone. */
export function isGone(res: ServerResponse): boolean {
  const { stream } = res as { stream?: { destroyed: boolean } };
  return res.destroyed || stream?.destroyed === true;
}
