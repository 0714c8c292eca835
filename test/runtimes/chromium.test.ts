/**
 * The built package in a page of a real Chromium, file by file as it was installed, found through an import map. With a Content Security
 * Policy the import map is allowed by its hash, so that the very same files run; beside it only script files of the site are allowed.
 */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { extname, join } from 'node:path';
import { type Browser, chromium } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type PackedProject, packProject } from '../package/packed.ts';
import { CHROMIUM_FLAGS, requireChromium } from '../servers/chromium.ts';
import {
  ENTRIES,
  expectedFacts,
  expectedMerging,
  MERGES_WITH_WASM,
  MERGES_WITHOUT_WASM,
  RUNS_WITH_SIMD,
  RUNS_WITHOUT_WASM,
  SMOKE_FILES,
} from './program.ts';
import type { SmokeResult } from './smoke.mjs';
import type { MergeSmokeResult } from './smoke-merge.mjs';

const GROUP = 'the package in Chromium';
const path = requireChromium(GROUP);

/** What a page says when it is done. */
interface PageResult {
  readonly result: SmokeResult | null;
  readonly merging: MergeSmokeResult | null;
  /** Directive and blocked URI of each `securitypolicyviolation` event, in order. */
  readonly violations: readonly string[];
}

/** The violation that a page provokes after its run. Events come in order, so all earlier ones have arrived with it. */
const PROVOKED = 'script-src eval';

describe.skipIf(path === null)(GROUP, () => {
  let packed: PackedProject;
  let site: Site;
  let browser: Browser;

  beforeAll(async () => {
    packed = packProject();
    site = await startSite(packed);
    browser = await chromium.launch({ executablePath: path!, args: [...CHROMIUM_FLAGS] });
  });

  afterAll(async () => {
    await browser?.close();
    site?.server.close();
    site?.server.closeAllConnections();
    packed?.dispose();
  });

  it('runs with both kernels in a plain page, to the same bytes as Node', async () => {
    const { result, violations } = await visit('/?entries=portable+main');
    expect(result).toEqual({ runs: RUNS_WITH_SIMD, unavailable: [], ...(await expectedFacts()), codecs: ['gzip'] });
    expect(violations).toEqual([]);
  });

  it('falls back to the portable kernel where the policy forbids compiling, to the same bytes', async () => {
    const { result, violations } = await visit('/strict?entries=portable+main');
    expect(result).toEqual({ runs: RUNS_WITHOUT_WASM, unavailable: ['wasm', 'wasm-simd'], ...(await expectedFacts()), codecs: ['gzip'] });
    // One for the choice, which is made once, and one for each `useKernel` of the smoke program.
    expect(violations).toEqual([...Array.from({ length: 3 }, () => 'script-src wasm-eval'), PROVOKED]);
  });

  it('runs with every kernel where the policy allows compiling alone', async () => {
    const { result, violations } = await visit('/compiling?entries=portable+main');
    expect(result).toEqual({ runs: RUNS_WITH_SIMD, unavailable: [], ...(await expectedFacts()), codecs: ['gzip'] });
    expect(violations).toEqual([PROVOKED]);
  });

  it('merges in a plain page with the compiled kernel, to the same bytes as Node', async () => {
    const { merging, violations } = await visit('/?entries=sequence+merge');
    expect(merging).toEqual(await expectedMerging(MERGES_WITH_WASM));
    expect(violations).toEqual([]);
  });

  it('merges with the portable kernel where the policy forbids compiling, to the same bytes, after one violation for the choice', async () => {
    const { merging, violations } = await visit('/strict?entries=sequence+merge');
    expect(merging).toEqual(await expectedMerging(MERGES_WITHOUT_WASM));
    // The other one is that of `useKernel` of the smoke program.
    expect(violations).toEqual([...Array.from({ length: 2 }, () => 'script-src wasm-eval'), PROVOKED]);
  });

  it('reports no violation from the portable entry', async () => {
    const { result, violations } = await visit('/strict?entries=portable');
    expect(result).toEqual({ runs: RUNS_WITHOUT_WASM.slice(0, 1), unavailable: [], ...(await expectedFacts()), codecs: ['gzip'] });
    expect(violations).toEqual([PROVOKED]);
  });

  async function visit(url: string): Promise<PageResult> {
    const page = await browser.newPage();
    try {
      const failures: string[] = [];
      page.on('pageerror', ({ message }) => failures.push(message));
      page.on('response', (response) => {
        if (!response.ok()) failures.push(`${response.status()} ${response.url()}`);
      });
      // The load event waits for the page's module, which runs until its first await.
      await page.goto(site.origin + url);
      const done = await page.evaluate(() => (globalThis as unknown as { done?: Promise<PageResult> }).done);
      if (done === undefined) throw new Error(`the page's program did not start:\n${failures.join('\n')}`);
      return done;
    } finally {
      await page.close();
    }
  }
});

interface Site {
  readonly origin: string;
  readonly server: Server;
}

const PAGE_PROGRAM = `
const violations = [];
const names = ${JSON.stringify(ENTRIES)};
const wanted = new URLSearchParams(location.search).get('entries').split(' ');
const load = (entry) => (wanted.includes(entry) ? import(names[entry]) : null);
const provoke = () => new Promise((resolve) => {
  document.addEventListener('securitypolicyviolation', ({ blockedURI }) => blockedURI === 'eval' && resolve());
  try {
    (0, eval)('0');
    resolve(); // no policy here, so no event either
  } catch {
    // Refused, as the policy says: the event is on its way.
  }
});
const run = async () => {
  const { smoke } = await import('/smoke.mjs');
  const { smokeMerge } = await import('/smoke-merge.mjs');
  const [main, portable, sequence, merge] = await Promise.all(['main', 'portable', 'sequence', 'merge'].map(load));
  const result = main === null && portable === null ? null : await smoke(main, portable);
  const merging = sequence === null || merge === null ? null : await smokeMerge(sequence, merge);
  await provoke();
  return { result, merging, violations };
};
document.addEventListener('securitypolicyviolation', (event) => violations.push(event.violatedDirective + ' ' + event.blockedURI));
globalThis.done = run();
`;

/** Serves the folder of the installed package, the smoke program, and one page at `/` and, with policies, at `/strict` and `/compiling`. */
async function startSite(packed: PackedProject): Promise<Site> {
  const importMap = JSON.stringify({ imports: mapImports(packed) });
  const hash = createHash('sha256').update(importMap).digest('base64');
  const policy = (more: string): Record<string, string> => ({ 'Content-Security-Policy': `script-src 'self' 'sha256-${hash}'${more}` });
  const html = `<!doctype html><link rel="icon" href="data:,"><script type="importmap">${importMap}</script><script type="module" src="/page.js"></script>`;
  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url ?? '/', 'http://site');
    if (pathname === '/') return send(response, 'text/html', html);
    if (pathname === '/strict') return send(response, 'text/html', html, policy(''));
    if (pathname === '/compiling') return send(response, 'text/html', html, policy(" 'wasm-unsafe-eval'"));
    if (pathname === '/page.js') return send(response, 'text/javascript', PAGE_PROGRAM);
    const file = new Map(Object.entries(SMOKE_FILES)).get(pathname.slice(1)) ?? join(packed.folder, pathname);
    return void sendFile(response, file);
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
  return { origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, server };
}

/** An import map of the kind that people write by hand: our entries, and a folder for each dependency of theirs. */
function mapImports({ manifest }: PackedProject): Record<string, string> {
  const target = (subpath: string): string => {
    const conditions = manifest.exports[subpath];
    if (typeof conditions !== 'object') throw new Error(`package.json exports no ${subpath}`);
    return new URL(conditions['default']!, 'http://site/node_modules/persistent-sessions/').pathname;
  };
  return {
    [ENTRIES.main]: target('.'),
    [ENTRIES.portable]: target('./portable'),
    [ENTRIES.sequence]: target('./sequence'),
    [ENTRIES.merge]: target('./merge'),
    '@noble/ciphers/': '/node_modules/@noble/ciphers/',
    '@noble/hashes/': '/node_modules/@noble/hashes/',
  };
}

async function sendFile(response: ServerResponse, file: string): Promise<void> {
  const isScript = ['.js', '.mjs'].includes(extname(file));
  const contents = isScript ? await readFile(file).catch(() => null) : null;
  if (contents === null) response.writeHead(404).end();
  else send(response, 'text/javascript', contents);
}

function send(response: ServerResponse, type: string, body: string | Uint8Array, headers: Readonly<Record<string, string>> = {}): void {
  response.writeHead(200, { 'Content-Type': `${type}; charset=utf-8`, ...headers });
  response.end(body);
}
