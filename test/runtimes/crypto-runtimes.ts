/**
 * The crypto program in every runtime of this machine: one bundle of the sources, run in a Node, a Deno without permissions, and pages of
 * Chromium. Calls go in and come out as JSON.
 */

import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { build } from 'esbuild';
import { type Browser, chromium } from 'playwright-core';
import { CHROMIUM_FLAGS } from '../servers/chromium.ts';
import { DENO_OFFLINE, findDeno } from '../servers/deno.ts';
import type { CALLS } from './crypto-program.ts';

type Calls = typeof CALLS;

/** A runtime with the program in it. */
export interface CryptoRuntime {
  /** Runs one call of the program there. Rejects with what it throws. */
  call<Name extends keyof Calls>(name: Name, ...args: Parameters<Calls[Name]>): Promise<Awaited<ReturnType<Calls[Name]>>>;
  close(): Promise<void>;
}

/** A name that leads to this machine and is no `localhost`: a page from there over plain http is no secure context. */
export const INSECURE_HOST = 'insecure.test';

/** A Node or Deno process for each call. */
export async function startProcess(runtime: 'node' | 'deno'): Promise<CryptoRuntime> {
  const folder = mkdtempSync(join(tmpdir(), 'psp-crypto-'));
  const file = join(folder, 'program.mjs');
  // Standard input is open without any permission.
  writeFileSync(
    file,
    await bundle(`
      const [name, args] = await new Response(${runtime === 'deno' ? 'Deno.stdin.readable' : 'ReadableStream.from(process.stdin)'}).json();
      console.log(JSON.stringify(await CALLS[name](...args)));`),
  );
  const [command, args, env] =
    runtime === 'node'
      ? [process.execPath, [file], {}]
      : [findDeno(), ['run', ...DENO_OFFLINE, file], { DENO_DIR: join(folder, '.deno'), DENO_NO_UPDATE_CHECK: '1' }];
  return {
    call: async (name, ...given) => JSON.parse(await run(command, args, { ...process.env, ...env }, JSON.stringify([name, given]))),
    close: async () => rmSync(folder, { recursive: true, force: true }),
  };
}

/** A page of the Chromium at `executablePath`: in a secure context from 127.0.0.1, or in none from {@link INSECURE_HOST}. */
export async function startPage(executablePath: string, host: '127.0.0.1' | typeof INSECURE_HOST = '127.0.0.1'): Promise<CryptoRuntime> {
  const server = await serve(await bundle('globalThis.CALLS = CALLS;'));
  let browser: Browser | null = null;
  const close = async (): Promise<void> => {
    await browser?.close();
    server.close();
    server.closeAllConnections();
  };
  try {
    browser = await chromium.launch({ executablePath, args: [...CHROMIUM_FLAGS, `--host-resolver-rules=MAP ${INSECURE_HOST} 127.0.0.1`] });
    const page = await browser.newPage();
    const failures: string[] = [];
    page.on('pageerror', ({ message }) => failures.push(message));
    await page.goto(`http://${host}:${(server.address() as AddressInfo).port}/`);
    if (failures.length > 0) throw new Error(`the page failed to load: ${failures.join('; ')}`);
    return {
      // As text both ways, so that a page is given just what a process is.
      call: async (name, ...given) => {
        const text = await page.evaluate(
          async ([called, json]) => {
            const { CALLS } = globalThis as unknown as { CALLS: Record<string, (...args: unknown[]) => Promise<unknown>> };
            return JSON.stringify(await CALLS[called]!(...(JSON.parse(json) as unknown[])));
          },
          [name, JSON.stringify(given)] as const,
        );
        return JSON.parse(text);
      },
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

async function bundle(program: string): Promise<string> {
  const { outputFiles } = await build({
    stdin: { contents: `import { CALLS } from './crypto-program.ts';\n${program}`, resolveDir: import.meta.dirname },
    ...{ bundle: true, write: false, format: 'esm', platform: 'browser', target: 'es2022', logLevel: 'silent' },
  });
  return outputFiles[0]!.text;
}

function run(command: string, args: readonly string[], env: NodeJS.ProcessEnv, input: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = execFile(command, args, { env, maxBuffer: 2 ** 28 }, (error, stdout, stderr) => {
      if (error === null) resolve(stdout);
      else reject(new Error(`${command} failed: ${stderr}`, { cause: error }));
    });
    child.stdin!.on('error', () => undefined); // a program that ends early says why by itself
    child.stdin!.end(input);
  });
}

async function serve(script: string): Promise<Server> {
  const html = '<!doctype html><link rel="icon" href="data:,"><script type="module" src="/program.js"></script>';
  const server = createServer(({ url }, response) => {
    const [type, body] = url === '/program.js' ? ['text/javascript', script] : ['text/html', html];
    response.writeHead(200, { 'Content-Type': `${type}; charset=utf-8` }).end(body);
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
  return server;
}
