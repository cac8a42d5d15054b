// The ways in which handlers answer. Each is run with our middleware and without; the bytes must be the same.
import { createReadStream, mkdtempSync, writeFileSync } from 'node:fs';
import { ServerResponse, type IncomingMessage } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { setTimeout as wait } from 'node:timers/promises';

import type { Response } from 'express';

/** Runs something and notes whether it threw what, or what it returned; compared as the bytes are. */
export type Note = (act: () => unknown) => void;
type Shape = (res: ServerResponse, note: Note, req: IncomingMessage) => unknown;
type ExpressShape = (res: Response, note: Note) => unknown;

const FILE_BYTES = 200_000;
export const FILE = join(mkdtempSync(join(tmpdir(), 'session-store-js-')), 'body.txt');
writeFileSync(FILE, Buffer.alloc(FILE_BYTES, 'a line of sixteen'));

const TEXT = 'text '.repeat(600);

export async function* slowly(): AsyncGenerator<string> {
  for (const part of ['one ', 'two ', 'three ']) {
    yield part.repeat(500);
    // Real time: each part is to be a write of its own.
    await wait(3);
  }
}

/** With nothing but node:http. */
export const NODE_SHAPES: Record<string, Shape> = {
  'end()': (res) => res.end(),
  'end(text)': (res) => res.end(TEXT),
  'end(text, encoding, callback)': (res, note) =>
    res.end('7465787420', 'hex', () => {
      note(() => 'ended');
    }),
  'end(bytes)': (res) => res.end(new Uint8Array([1, 2, 3, 250])),
  'a status, a message, end()': (res) => {
    res.statusCode = 418;
    res.statusMessage = 'Short and stout';
    res.end('tea');
  },
  'write, end': (res) => {
    res.setHeader('Content-Type', 'text/plain');
    res.write('a');
    res.write(TEXT);
    res.end('c');
  },
  'write with an encoding and a callback': (res, note) => {
    res.write('e282ac', 'hex', (error) => {
      note(() => error ?? 'written');
    });
    res.write('ascii', () => {
      note(() => 'written too');
    });
    res.end();
  },
  'writes of bytes, of nothing, and of text': (res) => {
    res.write(Buffer.from('buffer'));
    res.write(new Uint8Array([65, 66]));
    res.write('');
    res.end('text');
  },
  'writeHead, end': (res) => {
    res.writeHead(201, { 'Content-Type': 'text/plain', 'Content-Length': '4' });
    res.end('made');
  },
  'writeHead without a length, end': (res) => {
    res.writeHead(200, { 'Content-Type': 'text/plain' });
    res.end(TEXT);
  },
  'writeHead with a reason, chained': (res) => res.writeHead(200, 'Fine', { 'X-One': ['1', '2'] }).end('x'),
  'writeHead with a flat list': (res) => {
    res.setHeader('X-Kept', 'k');
    res.setHeader('X-One', 'old');
    res.writeHead(200, ['X-One', 'new', 'X-Two', '2']);
    res.end('x');
  },
  'writeHead with a flat list of lists': (res) => {
    res.writeHead(200, ['X-List', ['1', '2'], 'X-One', '1']);
    res.end('x');
  },
  'writeHead, then setHeader': (res, note) => {
    res.writeHead(200);
    note(() => res.headersSent);
    note(() => res.setHeader('X-Late', '1'));
    note(() => {
      res.removeHeader('X-Late');
    });
    note(() => res.appendHeader('X-Late', '1'));
    note(() => res.writeHead(500));
    res.statusCode = 500;
    res.end('x');
  },
  'writeHead with bad input, then without': (res, note) => {
    note(() => res.writeHead(99));
    note(() => res.writeHead(1000));
    note(() => res.writeHead(200, 'line\nfeed'));
    res.statusMessage = 'OK';
    note(() => res.writeHead(200, { 'X-Bad': 'line\nfeed' }));
    note(() => res.writeHead(200, { 'X-Bad': undefined as never }));
    note(() => res.headersSent);
    res.writeHead(202).end('x');
  },
  'flushHeaders, then writes': async (res) => {
    res.setHeader('Content-Type', 'text/plain');
    res.flushHeaders();
    res.write(TEXT);
    await wait(3);
    res.end('end');
  },
  'what looks sent after end()': (res, note) => {
    res.setHeader('X-Early', '1');
    res.end('x');
    note(() => res.headersSent);
    note(() => res.setHeader('X-Late', '1'));
    note(() => {
      res.removeHeader('X-Early');
    });
    note(() => res.writeHead(500));
    res.statusCode = 500;
    res.statusMessage = 'Late';
  },
  'end() twice': (res) => {
    res.end('first');
    res.end();
  },
  '204 with a body that is not sent': (res) => {
    res.statusCode = 204;
    res.end('nothing');
  },
  '304': (res) => {
    res.statusCode = 304;
    res.setHeader('ETag', '"x"');
    res.end();
  },
  'the wrong kinds of chunk': (res, note) => {
    note(() => res.write(1));
    note(() => res.write(null));
    note(() => res.write(undefined));
    note(() => res.write({}));
    note(() => res.end(true as never));
    note(() => res.end([] as never));
    res.end('right');
  },
  'writeContinue and writeEarlyHints first': (res) => {
    res.writeContinue();
    res.writeEarlyHints({ link: '</a.css>; rel=preload' });
    res.end('x');
  },
  'cork, write, uncork': (res) => {
    res.cork();
    res.write('a');
    res.write('b');
    process.nextTick(() => {
      res.uncork();
      res.end('c');
    });
  },
  trailers: (res, _note, req) => {
    // Node refuses them where there is no body.
    if (req.method === 'HEAD') return res.end();
    res.setHeader('Trailer', 'X-Sum');
    res.write('body');
    res.addTrailers({ 'X-Sum': '1' });
    return res.end();
  },
  'a file, piped': (res) => {
    res.setHeader('Content-Type', 'text/plain');
    createReadStream(FILE).pipe(res);
  },
  'a slow stream, piped': (res) => {
    res.setHeader('Content-Type', 'text/plain');
    Readable.from(slowly()).pipe(res);
  },
  'writes over several turns, as drain allows': async (res) => {
    res.setHeader('Content-Type', 'text/plain');
    for await (const part of slowly())
      if (!res.write(part)) await new Promise((resolve) => res.once('drain', resolve));
    res.end();
  },
  'a connection of its own choosing': (res) => {
    res.setHeader('Connection', 'close');
    res.setHeader('Transfer-Encoding', 'chunked');
    res.end('x');
  },
};

/** With Express. */
export const EXPRESS_SHAPES: Record<string, ExpressShape> = {
  send: (res) => res.send(TEXT),
  'send of bytes': (res) => res.send(Buffer.from(TEXT)),
  json: (res) => res.json({ text: TEXT }),
  redirect: (res) => {
    res.redirect('/elsewhere');
  },
  'status().end()': (res) => res.status(404).end(),
  sendStatus: (res) => res.sendStatus(202),
  sendFile: (res) => {
    res.sendFile(FILE);
  },
  download: (res) => {
    res.download(FILE, 'name.txt');
  },
};
