import { describe, expect, test, vi } from 'vitest';
import { boundPort } from '../../ts/adapters/bounded-port.ts';
import type { ChromiumPort } from '../../ts/adapters/chromium-port.ts';
import { TabIds } from '../../ts/adapters/tab-ids.ts';
import { PspError } from '../../ts/errors.ts';

/** A browser that refuses everything, and whose connection ends `endsAfterMs` after the first refusal. */
function refusingPort(endsAfterMs: number): ChromiumPort<string> {
  let closed = false;
  const refuse = (): Promise<never> => {
    const timer = setTimeout(() => {
      closed = true;
    }, endsAfterMs);
    timer.unref();
    return Promise.reject(new PspError('ADAPTER_PROTOCOL', 'it was refused'));
  };
  return {
    tool: 'test',
    browser: { send: refuse, on: () => () => undefined },
    browserContextId: undefined,
    tabIds: new TabIds(),
    lasting: null,
    pages: refuse,
    newPage: refuse,
    hiddenPage: refuse,
    isClosed: () => closed,
  };
}

describe('a browser that shuts down while it is asked', () => {
  const steps: readonly [string, (port: ChromiumPort<string>) => Promise<unknown>][] = [
    ['pages', (port) => port.pages()],
    ['newPage', (port) => port.newPage()],
    ['hiddenPage', (port) => port.hiddenPage(5_000)],
    ['reading the cookies', (port) => port.browser.send('Storage.getCookies', {})],
  ];
  test.each(steps)('%s: a refusal just before the end is ADAPTER_DISCONNECTED', async (_, step) => {
    await expect(step(boundPort(refusingPort(100), 5_000))).rejects.toMatchObject({ code: 'ADAPTER_DISCONNECTED' });
  });
  test.each(steps)('%s: a refusal by a browser that lives on stays a refusal', async (_, step) => {
    await expect(step(boundPort(refusingPort(60_000), 5_000))).rejects.toMatchObject({ code: 'ADAPTER_PROTOCOL' });
  });
  test('a cookie that a living browser refuses is not waited for', async () => {
    vi.useFakeTimers(); // a wait would never end
    try {
      const port = boundPort(refusingPort(60_000), 5_000);
      await expect(port.browser.send('Storage.setCookies', { cookies: [] })).rejects.toMatchObject({ code: 'ADAPTER_PROTOCOL' });
    } finally {
      vi.useRealTimers();
    }
  });
});
