/**
 * The process that runs miniflare for test/servers/miniflare.ts, in the newest Node. Its first line of input is `{ miniflare, options, direct }`:
 * where miniflare is, what to run, and the name of a Worker with a socket of its own, if there is one. Its first line of output tells where they listen.
 * It ends when its input does, and workerd with it, so neither outlives the tests, however they end. It is the leader of its process group.
 */
import { once } from 'node:events';
import { mkdtempSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

const lines = createInterface({ input: process.stdin });
// From the first moment: the parent may be gone before miniflare is loaded.
const closed = once(lines, 'close');
const [line] = await once(lines, 'line');
const { miniflare, options, direct } = JSON.parse(line);
// Miniflare leaves its temporary folder behind.
const folder = mkdtempSync(join(tmpdir(), 'psp-miniflare-'));
process.env['TMPDIR'] = folder;
const { Miniflare } = await import(miniflare);
const server = new Miniflare({ host: '127.0.0.1', port: 0, ...options });

const END_TIMEOUT_MS = 8000;

async function end() {
  // Nobody may be left who would kill what hangs.
  setTimeout(() => process.kill(-process.pid, 'SIGKILL'), END_TIMEOUT_MS).unref();
  await server.dispose();
  await rm(folder, { recursive: true, force: true });
  process.exit();
}
closed.then(end);
process.once('SIGTERM', end);

const origin = (await server.ready).origin;
const directOrigin = direct === null ? null : (await server.unsafeGetDirectURL(direct)).origin;
console.log(JSON.stringify({ origin, directOrigin }));
